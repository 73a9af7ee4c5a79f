// Somebody of the team, at the console's API. Environment: URL, ADMIN (the token of an admin called anna).
import assert from 'node:assert/strict'

const headers = { Authorization: `Bearer ${process.env.ADMIN}`, 'Content-Type': 'application/json' }

async function ask(method, path, body) {
  const at = `${process.env.URL}/admin/api/conversations/${path}`
  const answer = await fetch(at, { method, headers, body: body && JSON.stringify(body) })
  const told = await answer.json()
  assert.ok(answer.ok, JSON.stringify(told))
  return told
}

/** What the next prompts call anna's words. */
export const BY_ANNA = '(anna of the team wrote this:) '

export const join = (id) => ask('POST', `${id}/join`)
export const leave = (id) => ask('POST', `${id}/leave`)
export const say = (id, content) => ask('POST', `${id}/messages`, { content })
/** Is a person waited for, or there? */
export const handoff = async (id) => (await ask('GET', id)).conversation.handoff

/** Wait until anna reads that message of the visitor's. */
export async function reads(id, text) {
  const end = performance.now() + 15_000
  for (;;) {
    const { messages } = await ask('GET', id)
    if (messages.some((message) => message.role === 'user' && message.text === text)) return
    assert.ok(performance.now() < end, `anna never read ${text}: ${JSON.stringify(messages)}`)
  }
}
