// The first dialect of @botpress/chat, 0.2.x. Environment: PACKAGE, URL, BOT.
import { Client, apiUrl, heard, refused } from './botpress_tools.mjs'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test from 'node:test'

const client = new Client({ apiUrl })
const HELLO = 'Hello from the model.'
const media = 'https://example.com/thing'

async function enter(body = {}) {
  const { user, key } = await client.createUser(body)
  return { user, xChatKey: key }
}

async function idleStream() {
  const { xChatKey } = await enter()
  const { conversation } = await client.createConversation({ xChatKey })
  const listener = await client.listenConversation({ id: conversation.id, xChatKey })
  return { xChatKey, id: conversation.id, heard: heard(listener), since: performance.now() }
}

// Begun before everything else, so that the other tests run while it is silent.
const idle = await idleStream()

async function room(t) {
  const { user, xChatKey } = await enter()
  const { conversation } = await client.createConversation({ xChatKey })
  const listener = await client.listenConversation({ id: conversation.id, xChatKey })
  t.after(() => listener.disconnect())
  return { user, xChatKey, id: conversation.id, heard: heard(listener) }
}

test('users have a foreign id, which is their id', async () => {
  const fid = randomUUID()
  const { user, xChatKey } = await enter({ fid, name: 'Ann' })
  assert.deepEqual([user.id, user.fid, user.name], [fid, fid, 'Ann'])
  await refused(client.createUser({ fid }), 'AlreadyExists')
  assert.equal((await client.getUser({ xChatKey })).user.id, fid)
  assert.equal((await client.updateUser({ xChatKey, name: 'Eve' })).user.name, 'Eve')
  await refused(client.getUser({ xChatKey: 'nonsense' }), 'Unauthorized')
  await client.deleteUser({ xChatKey })
  await refused(client.getUser({ xChatKey }), 'ResourceNotFound')
})

test('conversations are made with participants, found, renamed, deleted', async () => {
  const { user, xChatKey } = await enter()
  const guest = await enter()
  const participants = [user.id, guest.user.id]
  const { conversation } = await client.createConversation({ xChatKey, participants })
  const listed = await client.listParticipants({ xChatKey, id: conversation.id })
  for (const id of participants) assert.ok(listed.participants.some((one) => one.id === id))
  assert.equal((await client.getConversation({ ...guest, id: conversation.id })).conversation.id, conversation.id)
  const fid = randomUUID()
  const made = await client.getOrCreateConversation({ xChatKey, fid })
  assert.deepEqual([made.conversation.id, made.conversation.fid], [fid, fid])
  assert.equal((await client.getOrCreateConversation({ xChatKey, fid })).conversation.id, fid)
  assert.equal((await client.listConversations({ xChatKey })).conversations.length, 2)
  await client.deleteConversation({ xChatKey, id: fid })
  await refused(client.getConversation({ xChatKey, id: fid }), 'ResourceNotFound')
})

test('a message is answered, in the form that this build knows', async (t) => {
  const { user, xChatKey, id, heard } = await room(t)
  const payload = { type: 'text', text: 'hello' }
  const { message } = await client.createMessage({ xChatKey, conversationId: id, payload })
  assert.deepEqual([message.type, message.payload, message.userId], ['text', payload, user.id])
  await heard.next('message_created', (data) => data.id === message.id)
  const answer = await heard.next('message_created', (data) => data.userId !== user.id)
  assert.deepEqual(answer.payload, { type: 'text', text: HELLO })
  const { messages } = await client.listConversationMessages({ xChatKey, id })
  assert.deepEqual(messages.map((one) => one.payload.text).sort(), [HELLO, 'hello'])
  assert.deepEqual(heard.of('unknown'), [])
})

test('every old payload is told as it was sent', async (t) => {
  const { xChatKey, id, heard } = await room(t)
  const payloads = [
    { type: 'image', url: media },
    { type: 'audio', url: media },
    { type: 'video', url: media },
    { type: 'file', url: media, title: 'a file' },
    { type: 'location', latitude: 55.7, longitude: 13.19 },
    { type: 'button', variant: 'action', text: 'Buy', buttonValue: 'b' },
    { type: 'custom', payload: { any: ['thing'] } },
  ]
  for (const payload of payloads) {
    const { message } = await client.createMessage({ xChatKey, conversationId: id, payload })
    assert.deepEqual(message.payload, payload)
    const told = await heard.next('message_created', (data) => data.id === message.id)
    assert.deepEqual(told.payload, payload)
  }
  assert.deepEqual(heard.of('unknown'), [])
})

test('the same message id is taken once', async (t) => {
  const { xChatKey, id } = await room(t)
  const body = { xChatKey, fid: randomUUID(), conversationId: id, payload: { type: 'text', text: 'hello' } }
  const first = (await client.getOrCreateMessage(body)).message
  assert.equal((await client.getOrCreateMessage(body)).message.id, first.id)
  await client.deleteMessage({ xChatKey, id: first.id })
  await refused(client.getMessage({ xChatKey, id: first.id }), 'ResourceNotFound')
})

test('a stream that is silent for 12 s lives on', async () => {
  await new Promise((resolve) => setTimeout(resolve, 12_500 - (performance.now() - idle.since)))
  assert.deepEqual(idle.heard.of('error'), [])
  const payload = { type: 'text', text: 'hello' }
  await client.createMessage({ xChatKey: idle.xChatKey, conversationId: idle.id, payload })
  await idle.heard.next('message_created', (data) => data.payload.text === HELLO)
  assert.deepEqual(idle.heard.of('error'), [])
})
