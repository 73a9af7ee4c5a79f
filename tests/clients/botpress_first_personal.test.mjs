// @botpress/chat 0.2.x, where the customer signs the keys. Environment: PACKAGE, URL, BOT, SECRET.
import { Client, apiUrl, refused, sign } from './botpress_tools.mjs'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test from 'node:test'

const secret = process.env.SECRET
const client = new Client({ apiUrl })

test('a user is made by the first call with a well-signed key, with what it says of them', async () => {
  const claims = { fid: randomUUID(), name: 'Ann', profile: '{"a":1}' }
  const xChatKey = sign(claims, secret)
  const { user } = await client.getUser({ xChatKey })
  assert.deepEqual([user.id, user.fid, user.name, user.profile], [claims.fid, claims.fid, 'Ann', '{"a":1}'])
  const { conversation } = await client.createConversation({ xChatKey })
  const payload = { type: 'text', text: 'hello' }
  const { message } = await client.createMessage({ xChatKey, conversationId: conversation.id, payload })
  assert.equal(message.userId, claims.fid)
  assert.equal((await client.getUser({ xChatKey: sign({ id: claims.fid }, secret) })).user.id, claims.fid)
})

test('claims that disagree, bad signatures, no key: refused', async () => {
  const fid = randomUUID()
  for (const xChatKey of [sign({ fid, id: randomUUID() }, secret), sign({ fid }, 'another'), sign({}, secret)]) {
    await refused(client.getUser({ xChatKey }), 'Unauthorized')
  }
  await refused(client.createUser({ fid }), 'Unauthorized')
})
