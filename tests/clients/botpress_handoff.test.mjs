// A person takes over a conversation of one build of @botpress/chat, 0.4.0 or newer.
// Environment: PACKAGE, VERSION, URL, BOT, ADMIN.
import { Client, apiUrl, heard, refused } from './botpress_tools.mjs'
import { BY_ANNA, handoff, join, leave, reads, say } from './desk.mjs'
import assert from 'node:assert/strict'
import test from 'node:test'

const version = process.env.VERSION.split('.').map(Number)
const from = (minor, patch) => version[1] > minor || (version[1] === minor && version[2] >= patch)
const HELLO = 'Hello from the model.'

/** A user in a new conversation that the bot has answered in once. */
async function begun(t) {
  const client = await Client.connect({ apiUrl })
  const { conversation } = await client.createConversation({})
  const listener = await client.listenConversation({ id: conversation.id })
  t.after(() => listener.disconnect())
  const ears = heard(listener)
  const ask = (text) => client.createMessage({ conversationId: conversation.id, payload: { type: 'text', text } })
  const told = (text) => ears.next('message_created', (data) => data.payload.text === text)
  await ask('hello')
  await told(HELLO)
  const id = conversation.id
  const participant = (userId) => (from(4, 7) ? { conversationId: id, userId } : { id, userId })
  const list = async () => {
    const asked = client.listMessages ? client.listMessages({ conversationId: id }) : null
    return (await (asked ?? client.listConversationMessages({ id }))).messages
  }
  return { client, id, ears, ask, told, participant, list }
}

test('a person is a participant with a name, whose words are of the bot\'s side', async (t) => {
  const { client, id, ears, ask, told, participant, list } = await begun(t)
  await join(id)
  const { participants } = await client.listParticipants(participant())
  const [, anna] = participants
  assert.deepEqual(participants.map((user) => user.id), [client.user.id, anna.id])
  assert.deepEqual([anna.name, anna.id.startsWith('operator_')], ['anna', true])
  assert.deepEqual((await client.getParticipant(participant(anna.id))).participant, anna)
  await refused(client.removeParticipant(participant(anna.id)), 'Forbidden')
  if (from(4, 7)) {
    assert.deepEqual(await ears.next('participant_added'), { conversationId: id, participantId: anna.id })
  }

  await ask('Are you a person?')
  await reads(id, 'Are you a person?')
  await say(id, 'Yes. It comes tomorrow.')
  const words = await told('Yes. It comes tomorrow.')
  assert.equal(words.userId, anna.id)
  if (from(4, 7)) assert.equal(words.isBot, true)
  if (from(5, 1)) assert.deepEqual(words.metadata, { operator_name: 'anna' })
  const { isBot, ...plain } = words
  const { message } = await client.getMessage({ id: words.id })
  // Builds that know no metadata leave them out of what they hear, and not of what they ask for.
  assert.deepEqual(message, { ...plain, metadata: { operator_name: 'anna' } })
  await refused(client.deleteMessage({ id: words.id }), 'Forbidden')
  await ask('Thanks')
  await told('Thanks')
  await say(id, 'You are welcome.')
  await told('You are welcome.')
  const texts = (await list()).map((message) => message.payload.text)
  const all = ['hello', HELLO, 'Are you a person?', 'Yes. It comes tomorrow.', 'Thanks', 'You are welcome.']
  assert.deepEqual(texts.toReversed(), all)

  await leave(id)
  if (from(4, 7)) {
    assert.deepEqual(await ears.next('participant_removed'), { conversationId: id, participantId: anna.id })
  }
  await refused(client.getParticipant(participant(anna.id)), 'ResourceNotFound', 'Forbidden')
  assert.equal((await client.listParticipants(participant())).participants.length, 1)
  await ask('recall')
  const recalled = await ears.next('message_created', (data) => data.payload.text.startsWith('[['))
  assert.notEqual(recalled.userId, anna.id)
  assert.deepEqual(JSON.parse(recalled.payload.text), [
    ['user', 'hello'],
    ['assistant', HELLO],
    ['user', 'Are you a person?'],
    ['assistant', `${BY_ANNA}Yes. It comes tomorrow.`],
    ['user', 'Thanks'],
    ['assistant', `${BY_ANNA}You are welcome.`],
    ['user', 'recall'],
  ])
  assert.deepEqual([from(4, 7) ? ears.of('unknown') : [], ears.of('error')], [[], []])
})

test('an answer that somebody cuts off by joining comes as far as it got', async (t) => {
  const { id, ask, told } = await begun(t)
  await ask('slow')
  await told('slow')
  await ask('stuck')
  await told('One, two, three, four.')
  await join(id)
  await say(id, 'Let me.')
  await told('Let me.')
  await leave(id)
})

test('the bot asks for a person in its own words, and goes on until one comes', async (t) => {
  const { id, ears, ask, told } = await begun(t)
  await ask('a person')
  await told('Somebody will come.')
  assert.equal(await handoff(id), 'waiting')
  assert.deepEqual([ears.of('participant_added'), ears.of('unknown')], [[], []])
  await ask('still there?')
  await told('You said: still there?')
})
