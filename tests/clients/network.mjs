// The network in front of a server, which a program can cut.
import net from 'node:net'
import { once } from 'node:events'

/** Forward to the server of `url`; `cut()` drops every connection without a word. */
export async function cuttable(url) {
  const target = new URL(url)
  const sockets = new Set()
  const server = net.createServer((client) => {
    const upstream = net.connect(Number(target.port), target.hostname)
    for (const [from, to] of [[client, upstream], [upstream, client]]) {
      sockets.add(from)
      from.pipe(to)
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    cut: () => sockets.forEach((socket) => socket.destroy()),
    close: () => server.close(),
  }
}
