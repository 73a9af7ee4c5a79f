// @ts-check
/**
 * A WebSocket's surface over plain HTTP, for networks that let no WebSocket through: the server's frames come
 * as server-sent events, ours are posted one by one. `new AIChat({ WebSocket: SseSocket })`.
 */

/**
 * What an `EventSource` does, for Node, which has none. @param {URL} url @param {AbortSignal} signal
 * @param {(type: string, data: string) => void} take
 */
async function readEvents(url, signal, take) {
  const answer = await fetch(url, { signal })
  if (!answer.ok || !answer.body) return
  const reader = answer.body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) break
    text += decoder.decode(value, { stream: true })
    const events = text.split('\n\n')
    text = events.pop() ?? ''
    for (const event of events) {
      const data = [...event.matchAll(/^data: (.*)$/gm)].map(([, line]) => line)
      if (data.length) take(/^event: (.*)$/m.exec(event)?.[1] ?? 'message', data.join('\n'))
    }
  }
}

export class SseSocket {
  readyState = 0
  /** @type {(() => void) | null} */
  onopen = null
  /** @type {((message: {data: string}) => void) | null} */
  onmessage = null
  /** @type {((close: {code: number}) => void) | null} */
  onclose = null
  onerror = null
  /** Frames that wait for the one before them to arrive. @type {string[]} */
  waiting = []
  posting = false
  stop = new AbortController()

  /** @param {string} url  as for a WebSocket: `wss://host/ai/ws?token=…` */
  constructor(url) {
    this.url = new URL(url.replace(/^ws/, 'http').replace(/\/ai\/ws/, '/ai/events'))
    this.#listen()
  }

  /** @param {string} frame */
  send(frame) {
    this.waiting.push(frame)
    this.#post()
  }

  close(code = 1000) {
    if (this.readyState === 3) return
    this.readyState = 3
    this.stop.abort()
    this.onclose?.({ code })
  }

  #listen() {
    STANDALONE: if (!globalThis.EventSource) {
      const take = (/** @type {string} */ type, /** @type {string} */ data) => this.#take(type, data)
      readEvents(this.url, this.stop.signal, take).then(
        () => this.close(1006),
        () => this.close(1006),
      )
      return
    }
    const source = new EventSource(this.url)
    source.onmessage = ({ data }) => this.#take('message', data)
    // The browser tells of its own opening too, which means nothing yet.
    source.addEventListener('open', (/** @type {any} */ { data }) => data && this.#take('open', data))
    source.onerror = () => this.close(1006)
    this.stop.signal.onabort = () => source.close()
  }

  /** @param {string} type @param {string} data */
  #take(type, data) {
    if (this.readyState > 1) return
    if (type === 'message') return this.onmessage?.({ data })
    this.url.pathname += `/${JSON.parse(data).id}`
    this.url.search = ''
    this.readyState = 1
    this.onopen?.()
  }

  async #post() {
    if (this.posting) return
    this.posting = true
    try {
      for (let frame = this.waiting.shift(); frame !== undefined; frame = this.waiting.shift()) {
        // text/plain needs no leave of the server, which would cost another request.
        const answer = await fetch(this.url, { method: 'POST', body: frame, signal: this.stop.signal })
        if (answer.status === 413) this.close(1009)
        else if (!answer.ok) this.close(1006)
      }
    } catch {
      this.close(1006)
    }
    this.posting = false
  }
}
