// A person takes over in the first dialect of @botpress/chat, which is told of messages alone.
// Environment: PACKAGE, URL, BOT, ADMIN.
import { Client, apiUrl, heard } from './botpress_tools.mjs'
import { BY_ANNA, join, leave, reads, say } from './desk.mjs'
import assert from 'node:assert/strict'
import test from 'node:test'

test('a person writes as a user of their own, whose name the participants tell', async (t) => {
  const client = new Client({ apiUrl })
  const { user, key: xChatKey } = await client.createUser({})
  const { conversation } = await client.createConversation({ xChatKey })
  const { id } = conversation
  const listener = await client.listenConversation({ id, xChatKey })
  t.after(() => listener.disconnect())
  const ears = heard(listener)
  const said = (fits) => ears.next('message_created', ({ payload }) => fits(payload.text))
  const ask = (text) => client.createMessage({ xChatKey, conversationId: id, payload: { type: 'text', text } })
  await ask('hello')
  const answer = await said((text) => text === 'Hello from the model.')
  await join(id)
  await ask('Are you a person?')
  await reads(id, 'Are you a person?')
  await say(id, 'Yes.')
  const words = await said((text) => text === 'Yes.')
  assert.ok(![user.id, answer.userId].includes(words.userId))
  const { participants } = await client.listParticipants({ id, xChatKey })
  assert.deepEqual(participants.filter((one) => one.id === words.userId).map((one) => one.name), ['anna'])
  await leave(id)
  await ask('recall')
  const recalled = await said((text) => text.startsWith('[['))
  assert.equal(recalled.userId, answer.userId)
  assert.deepEqual(JSON.parse(recalled.payload.text).slice(2, -1), [
    ['user', 'Are you a person?'],
    ['assistant', `${BY_ANNA}Yes.`],
  ])
})
