// A person takes over a conversation of Chatbase's API v2: by plain fetch, as its documentation has it, and by the
// AI SDK on the same path. Environment: URL, KEY, BOT, ADMIN.
import { BY_ANNA, handoff, join, leave, reads, say } from './desk.mjs'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test from 'node:test'
import { DefaultChatTransport, readUIMessageStream } from 'ai-6'

const { URL: url, KEY: key, BOT: bot } = process.env
const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' }
const ours = `${url}/api/v2/agents/${bot}`

const call = (method, path, body) => fetch(ours + path, { method, headers, body: body && JSON.stringify(body) })

async function good(answer) {
  const body = await answer.json()
  assert.equal(answer.status, 200, JSON.stringify(body))
  return body.data
}

const ask = async (message, conversationId) =>
  good(await call('POST', '/chat', { message, stream: false, ...(conversationId && { conversationId }) }))
const conversation = async (id) => good(await call('GET', `/conversations/${id}`))

test('a conversation is taken over, read meanwhile, and goes on with all that was said', async () => {
  const { conversationId: id } = (await ask('hello')).metadata
  assert.equal((await conversation(id)).status, 'ongoing')
  await join(id)
  assert.equal((await conversation(id)).status, 'taken_over')
  const attempts = [
    call('POST', '/chat', { message: 'Are you a person?', conversationId: id }),
    call('POST', '/chat', { message: 'Are you a person?', conversationId: id, stream: false }),
  ]
  for (const refused of await Promise.all(attempts)) {
    const { error } = await refused.json()
    assert.deepEqual([refused.status, error.code], [400, 'CHAT_CONVERSATION_NOT_ONGOING'])
    assert.match(error.message, /person has taken over/)
  }
  await say(id, 'It comes tomorrow.')
  const { messages } = await conversation(id)
  const [bots, annas] = messages.slice(-2)
  assert.deepEqual(bots.metadata, { score: null })
  assert.deepEqual(annas.metadata, { score: null, operatorName: 'anna' })
  assert.deepEqual([annas.role, annas.parts], ['assistant', [{ type: 'text', text: 'It comes tomorrow.' }]])
  const [exported] = await good(await call('GET', `/conversations/export?conversationId=${id}`))
  assert.deepEqual([exported.status, exported.messages.at(-1).metadata], ['taken_over', annas.metadata])
  await leave(id)
  assert.equal((await conversation(id)).status, 'ongoing')
  assert.deepEqual(JSON.parse((await ask('recall', id)).parts[0].text), [
    ['user', 'hello'],
    ['assistant', 'Hello from the model.'],
    ['assistant', `${BY_ANNA}It comes tomorrow.`],
    ['user', 'recall'],
  ])
})

test('a bot asks for a person by its tool, which is a part of the answer', async () => {
  const { parts, metadata } = await ask('a person')
  assert.deepEqual(parts.map((part) => part.type), ['tool-call', 'tool-result', 'text'])
  assert.deepEqual([parts[0].toolName, parts[2].text], ['talk_to_person', 'Somebody will come.'])
  assert.equal(await handoff(metadata.conversationId), 'waiting')
  assert.equal((await conversation(metadata.conversationId)).status, 'ongoing')
})

test('a page with the AI SDK on this path may write to the person', async () => {
  const chatId = randomUUID()
  const transport = new DefaultChatTransport({ api: `${ours}/chat`, headers })
  const post = (text) =>
    transport.sendMessages({
      chatId,
      trigger: 'submit-message',
      messages: [{ id: randomUUID(), role: 'user', parts: [{ type: 'text', text }] }],
    })
  async function read(stream) {
    let last
    for await (const message of readUIMessageStream({ stream })) last = message
    return last
  }
  const { conversationId: id } = (await read(await post('hello'))).metadata
  await join(id)
  const stream = await post('Over the SDK?')
  await reads(id, 'Over the SDK?')
  await say(id, 'Yes.')
  const { parts } = await read(stream)
  assert.deepEqual(parts.map((part) => part.text ?? part.data?.name ?? ''), ['', 'anna', 'Yes.'])
  await leave(id)
})
