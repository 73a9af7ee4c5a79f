// @botpress/chat 0.4.0 or newer, where the customer signs the keys. Environment: PACKAGE, URL, BOT, SECRET.
import { Client, apiUrl, heard, refused, sign } from './botpress_tools.mjs'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test from 'node:test'

const secret = process.env.SECRET
const connect = (props) => Client.connect({ apiUrl, ...props })

test('a user is made by the first call with a well-signed key', async (t) => {
  const userId = randomUUID()
  const client = await connect({ encryptionKey: secret, userId })
  assert.equal(client.user.id, userId)
  const again = await connect({ userKey: sign({ id: userId }, secret) })
  assert.deepEqual([again.user.id, again.user.createdAt], [userId, client.user.createdAt])
  const { conversation } = await again.createConversation({})
  const listener = await client.listenConversation({ id: conversation.id })
  t.after(() => listener.disconnect())
  const ears = heard(listener)
  await client.createMessage({ conversationId: conversation.id, payload: { type: 'text', text: 'hello' } })
  await ears.next('message_created', (data) => data.payload.text === 'Hello from the model.')
})

test('simultaneous first calls agree', async () => {
  const userId = randomUUID()
  const clients = await Promise.all(Array.from({ length: 4 }, () => connect({ encryptionKey: secret, userId })))
  assert.equal(new Set(clients.map((client) => client.user.createdAt)).size, 1)
})

test('other claims do not matter', async () => {
  const now = Math.floor(Date.now() / 1000)
  const claims = { id: randomUUID(), aud: 'someone', iss: 7, sub: 5, iat: now + 3600, exp: now + 60, extra: {} }
  assert.equal((await connect({ userKey: sign(claims, secret) })).user.id, claims.id)
})

test('bad keys are refused, and nobody is made without one', async () => {
  const id = randomUUID()
  const past = Math.floor(Date.now() / 1000) - 60
  const bad = [
    sign({ id }, 'another secret'),
    sign({ id, exp: past }, secret),
    sign({ id: 7 }, secret),
    sign({}, secret),
    `${Buffer.from('{"alg":"none"}').toString('base64url')}.${sign({ id }, secret).split('.')[1]}.`,
  ]
  for (const userKey of bad) await refused(connect({ userKey }), 'Unauthorized')
  await refused(connect({ userKey: sign({ id: 'a b' }, secret) }), 'InvalidPayload')
  await refused(connect({}), 'Unauthorized')
  await refused(connect({ userId: id }), 'Unauthorized')
})
