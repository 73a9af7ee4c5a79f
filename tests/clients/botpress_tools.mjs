// What the programs about @botpress/chat share. Environment: PACKAGE, URL, BOT.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'

export const apiUrl = `${process.env.URL}/botpress/${process.env.BOT}`
export const { Client } = await import(process.env.PACKAGE)

/** The call is refused with an error of the client's own classes, of that type. */
export async function refused(promise, ...types) {
  const error = await promise.then(
    (value) => assert.fail(`not refused: ${JSON.stringify(value)}`),
    (thrown) => thrown,
  )
  assert.ok(types.includes(error.type), `${error.type} ${error.code}: ${error.message}`)
  assert.match(error.id ?? '', /^err_\d{14}x[0-9A-F]{8}$/)
  return error
}

/** A key as a customer signs it with the shared secret. */
export function sign(claims, secret) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

/** All signals of a listener from now on, in order; `next(type, fits)` waits for one that nobody has had. */
export function heard(listener) {
  const names = 'message_created message_deleted event_created participant_added participant_removed unknown error'
  const all = []
  const waiting = new Set()
  for (const name of names.split(' ')) {
    listener.on(name, (data) => {
      all.push([name, data])
      waiting.forEach((look) => look())
    })
  }
  const taken = new Set()
  const next = (type, fits = () => true) =>
    new Promise((resolve, reject) => {
      const look = () => {
        const found = all.find((one) => !taken.has(one) && one[0] === type && fits(one[1]))
        if (!found) return
        clearTimeout(timer)
        waiting.delete(look)
        taken.add(found)
        resolve(found[1])
      }
      const timer = setTimeout(() => {
        waiting.delete(look)
        reject(new Error(`never heard: ${type}, ${fits}; heard: ${JSON.stringify(all)}`))
      }, 10_000)
      waiting.add(look)
      look()
    })
  /** All so far of that name; pings, which some builds show as unknown, are left out. */
  const of = (type) => all.filter(([name, data]) => name === type && data !== 'ping').map(([, data]) => data)
  return { next, of }
}

/** Every payload of the API that this build knows. */
export function payloads({ bloc }) {
  const card = { type: 'card', title: 'Coat', subtitle: 'warm', actions: [{ action: 'say', label: 'Buy', value: 'b' }] }
  const { type, ...bare } = card
  const media = 'https://example.com/thing'
  const all = [
    { type: 'text', text: 'plain ü🌍' },
    { type: 'markdown', markdown: '**bold**' },
    { type: 'image', imageUrl: media },
    { type: 'audio', audioUrl: media },
    { type: 'video', videoUrl: media },
    { type: 'file', fileUrl: media, title: 'a file' },
    { type: 'location', latitude: 55.7, longitude: 13.19, title: '', address: 'Lund' },
    card,
    { type: 'card', title: 'Empty', actions: [] },
    { type: 'carousel', items: [card, bare] },
    { type: 'choice', text: 'Which?', options: [{ label: 'A', value: 'a' }] },
    { type: 'dropdown', text: 'Which?', options: [{ label: 'A', value: 'a' }] },
  ]
  if (bloc) all.push({ type: 'bloc', items: [{ type: 'text', text: 'one' }, { type: 'image', imageUrl: media }] })
  return all
}
