// The full tour of one build of @botpress/chat, 0.4.0 or newer, where the server signs the keys.
// Environment: PACKAGE, VERSION, URL, BOT.
import { Client, apiUrl, heard, payloads, refused } from './botpress_tools.mjs'
import { cuttable } from './network.mjs'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test, { describe } from 'node:test'

const version = process.env.VERSION.split('.').map(Number)
const from = (minor, patch) => version[1] > minor || (version[1] === minor && version[2] >= patch)
const knowsEvents = from(4, 7)
const knowsMetadata = from(5, 1)
const knowsBloc = from(5, 4)
const HELLO = 'Hello from the model.'
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

const connect = (props = {}) => Client.connect({ apiUrl, ...props })
const say = (client, conversationId, text) =>
  client.createMessage({ conversationId, payload: { type: 'text', text } })
const list = (client, conversationId, nextToken) =>
  client.listMessages
    ? client.listMessages({ conversationId, nextToken })
    : client.listConversationMessages({ id: conversationId, nextToken })
const participant = (conversationId, userId) =>
  from(4, 7) ? { conversationId, userId } : { id: conversationId, userId }
const ofBot = (client) => (message) => message.userId !== client.user.id

/** A user in a new conversation, listening to it. */
async function room(t, props) {
  const client = await connect(props)
  const { conversation } = await client.createConversation({})
  const listener = await client.listenConversation({ id: conversation.id })
  t.after(() => listener.disconnect())
  return { client, id: conversation.id, listener, heard: heard(listener) }
}

async function idleStream() {
  const client = await connect()
  const { conversation } = await client.createConversation({})
  const listener = await client.listenConversation({ id: conversation.id })
  return { client, id: conversation.id, listener, heard: heard(listener), since: performance.now() }
}

// Begun before everything else, so that the other tests run while it is silent.
const idle = await idleStream()

describe('users', () => {
  test('are made with a key, read, changed, deleted', async () => {
    const client = await connect()
    assert.ok(client.user.id && client.user.key.split('.').length === 3)
    assert.match(client.user.createdAt, ISO)
    const { user } = await client.getUser({})
    assert.equal(user.id, client.user.id)
    assert.ok(!('key' in user))
    const fields = { name: 'Ünal', pictureUrl: 'https://example.com/u.png', profile: '{"a":1}' }
    const changed = (await client.updateUser(fields)).user
    assert.deepEqual({ ...changed, updatedAt: '' }, { ...user, ...fields, updatedAt: '' })
    const partly = (await client.updateUser({ name: 'Ann' })).user
    assert.deepEqual([partly.name, partly.profile], ['Ann', '{"a":1}'])
    await client.deleteUser({})
    await refused(client.getUser({}), 'ResourceNotFound')
    await refused(client.createConversation({}), 'ResourceNotFound', 'Unauthorized')
  })

  test('choose their id once', async () => {
    const userId = `user/${randomUUID()}`
    const client = await connect({ userId })
    assert.equal(client.user.id, userId)
    await refused(connect({ userId }), 'AlreadyExists')
    const racers = Array.from({ length: 4 }, () => connect({ userId: `${userId}-race` }))
    const won = (await Promise.allSettled(racers)).filter(({ status }) => status === 'fulfilled')
    assert.equal(won.length, 1)
  })

  test('come back with their key', async () => {
    const first = await connect()
    await first.updateUser({ name: 'Ann' })
    const again = await connect({ userKey: first.user.key })
    assert.deepEqual([again.user.id, again.user.name], [first.user.id, 'Ann'])
  })

  test('with impossible ids or fields are refused', async () => {
    const plain = new Client({ apiUrl })
    for (const id of ['a b', 'ü', 'x'.repeat(71), 'a\n', 'a.b']) {
      await refused(plain.createUser({ id }), 'InvalidPayload')
    }
    await refused(plain.createUser({ profile: 'x'.repeat(1001) }), 'InvalidPayload')
    await refused(plain.createUser({ name: 'x'.repeat(201) }), 'InvalidPayload')
    assert.ok((await plain.createUser({ id: '', profile: '🌍'.repeat(1000) })).user.id)
  })

  test('with a bad key are refused', async () => {
    const plain = new Client({ apiUrl })
    const { key } = await plain.createUser({})
    for (const bad of ['nonsense', `${key}x`, key.split('.').slice(0, 2).join('.') + '.']) {
      await refused(plain.getUser({ 'x-user-key': bad }), 'Unauthorized')
    }
    const none = await fetch(`${apiUrl}/users/me`)
    const body = await none.json()
    assert.deepEqual([none.status, body.code, body.type], [401, 401, 'Unauthorized'])
  })
})

describe('conversations', () => {
  test('are made, read, listed, deleted', async () => {
    const client = await connect()
    const { conversation } = await client.createConversation({})
    assert.deepEqual(Object.keys(conversation).sort(), ['createdAt', 'id', 'updatedAt'])
    assert.match(conversation.createdAt, ISO)
    assert.deepEqual((await client.getConversation({ id: conversation.id })).conversation, conversation)
    const listed = await client.listConversations({})
    assert.deepEqual(listed, { conversations: [conversation], meta: {} })
    assert.deepEqual(await client.deleteConversation({ id: conversation.id }), {})
    await refused(client.getConversation({ id: conversation.id }), 'ResourceNotFound')
    assert.deepEqual((await client.listConversations({})).conversations, [])
  })

  test('with chosen ids are made once, found again, and come back empty after a delete', async () => {
    const client = await connect()
    const id = `room/${randomUUID()}`
    assert.equal((await client.createConversation({ id })).conversation.id, id)
    await refused(client.createConversation({ id }), 'AlreadyExists')
    assert.equal((await client.getOrCreateConversation({ id })).conversation.id, id)
    const fresh = `${id}-2`
    const racers = Array.from({ length: 4 }, () => client.getOrCreateConversation({ id: fresh }))
    assert.deepEqual(new Set((await Promise.all(racers)).map(({ conversation }) => conversation.id)), new Set([fresh]))
    await refused(client.getOrCreateConversation({ id: '' }), 'InvalidPayload')
    await refused(client.getOrCreateConversation({ id: 'a b' }), 'InvalidPayload')
    const other = await connect()
    await refused(other.getOrCreateConversation({ id }), 'Forbidden')
    await refused(other.createConversation({ id }), 'AlreadyExists')
    await say(client, id, 'hello')
    await client.deleteConversation({ id })
    await client.createConversation({ id })
    assert.deepEqual((await list(client, id)).messages, [])
  })

  test('are closed to outsiders', async () => {
    const [owner, outsider] = [await connect(), await connect()]
    const { conversation } = await owner.createConversation({})
    const { message } = await say(owner, conversation.id, 'hello')
    await refused(outsider.getConversation({ id: conversation.id }), 'Forbidden')
    await refused(outsider.deleteConversation({ id: conversation.id }), 'Forbidden')
    await refused(list(outsider, conversation.id), 'Forbidden')
    await refused(list(outsider, 'never-made'), 'Forbidden', 'ResourceNotFound')
    await refused(say(outsider, conversation.id, 'hello'), 'Forbidden')
    await refused(outsider.getMessage({ id: message.id }), 'Forbidden')
    await refused(outsider.deleteMessage({ id: message.id }), 'Forbidden')
    await refused(outsider.getConversation({ id: 'never-made' }), 'ResourceNotFound')
    const failed = await outsider.listenConversation({ id: conversation.id }).catch((thrown) => thrown)
    assert.ok([403, 404].includes(failed.status), JSON.stringify(failed))
  })

  test('page newest first without losing or doubling anything', async () => {
    const client = await connect()
    const made = []
    for (let number = 0; number < 25; number++) made.push((await client.createConversation({})).conversation.id)
    const first = await client.listConversations({})
    assert.equal(first.conversations.length, 20)
    await client.createConversation({})
    const rest = await client.listConversations({ nextToken: first.meta.nextToken })
    assert.ok(!rest.meta.nextToken)
    const ids = [...first.conversations, ...rest.conversations].map(({ id }) => id)
    assert.deepEqual(ids, made.toReversed())
    await refused(client.listConversations({ nextToken: 'nonsense' }), 'InvalidQuery')
  })
})

describe('messages', () => {
  test('are answered by the bot, which is no user of ours', async (t) => {
    const { client, id, heard } = await room(t)
    const { message } = await say(client, id, 'hello')
    const mine = await heard.next('message_created', (data) => data.id === message.id)
    const answer = await heard.next('message_created', ofBot(client))
    assert.equal(answer.payload.text, HELLO)
    if (knowsEvents) assert.deepEqual([mine.isBot, answer.isBot], [false, true])
    const { isBot, ...plain } = mine
    assert.deepEqual(plain, message)
    const { messages, meta } = await list(client, id)
    assert.deepEqual(meta, {})
    assert.deepEqual(messages.map((one) => one.payload.text), [HELLO, 'hello'])
    assert.equal((await client.getMessage({ id: answer.id })).message.userId, answer.userId)
    assert.deepEqual((await client.getMessage({ id: message.id })).message, message)
    assert.deepEqual(heard.of('unknown'), [])
  })

  test('can hold every payload, which is told as it was sent', async (t) => {
    const { client, id, heard } = await room(t)
    for (const payload of payloads({ bloc: knowsBloc })) {
      const { message } = await client.createMessage({ conversationId: id, payload })
      const whole = structuredClone(payload)
      if (payload.type === 'carousel') whole.items.forEach((item) => (item.type = 'card'))
      assert.deepEqual(message.payload, whole)
      const told = await heard.next('message_created', (data) => data.id === message.id)
      const shown = structuredClone(whole)
      // Builds that do not know the type of an item leave it out of what they tell.
      if (payload.type === 'carousel' && !knowsBloc) shown.items.forEach((item) => delete item.type)
      assert.deepEqual(told.payload, shown)
      assert.deepEqual((await client.getMessage({ id: message.id })).message.payload, whole)
      // Words are answered, and only so many may wait.
      if (['text', 'markdown'].includes(payload.type)) await heard.next('message_created', ofBot(client))
    }
    assert.deepEqual(heard.of('unknown'), [])
  })

  test('with a payload that does not fit are refused', async () => {
    const client = await connect()
    const { conversation } = await client.createConversation({})
    const bad = [
      { type: 'text', text: '' },
      { type: 'text' },
      { type: 'image', imageUrl: 7 },
      { type: 'location', latitude: true, longitude: 1 },
      { type: 'location', latitude: '1', longitude: 1 },
      { type: 'choice', text: 'a', options: [{ label: '', value: 'a' }] },
      { type: 'card', title: 'a', actions: [{ action: 'fly', label: 'a', value: 'b' }] },
      { type: 'bloc', items: [{ type: 'card', title: 'a', actions: [] }] },
      { type: 'poem', text: 'a' },
      {},
    ]
    for (const payload of bad) {
      await refused(client.createMessage({ conversationId: conversation.id, payload }), 'InvalidPayload')
    }
    assert.deepEqual((await list(client, conversation.id)).messages, [])
  })

  test('are deleted by their sender, once', async (t) => {
    const { client, id, heard } = await room(t)
    const { message } = await say(client, id, 'hello')
    const answer = await heard.next('message_created', ofBot(client))
    await refused(client.deleteMessage({ id: answer.id }), 'Forbidden')
    assert.deepEqual(await client.deleteMessage({ id: message.id }), {})
    if (knowsEvents) {
      const gone = await heard.next('message_deleted')
      assert.deepEqual(gone, { id: message.id, conversationId: id, userId: client.user.id })
    }
    await refused(client.getMessage({ id: message.id }), 'ResourceNotFound')
    await refused(client.deleteMessage({ id: message.id }), 'ResourceNotFound')
    assert.deepEqual((await list(client, id)).messages.map((one) => one.id), [answer.id])
  })

  test('page newest first', async (t) => {
    const { client, id, heard } = await room(t)
    for (let number = 0; number < 12; number++) {
      await say(client, id, `n ${number}`)
      await heard.next('message_created', ofBot(client))
    }
    const first = await list(client, id)
    assert.equal(first.messages.length, 20)
    const rest = await list(client, id, first.meta.nextToken)
    assert.ok(!rest.meta.nextToken)
    const texts = [...first.messages, ...rest.messages].map((message) => message.payload.text)
    const said = Array.from({ length: 12 }, (_, number) => [`n ${number}`, `You said: n ${number}`]).flat()
    assert.deepEqual(texts, said.toReversed())
    await refused(list(client, id, 'nonsense'), 'InvalidQuery')
    if (client.list) {
      const all = await client.list.messages({ conversationId: id }).collect()
      assert.deepEqual(all.map((message) => message.payload.text), texts)
      assert.equal((await client.list.participants({ conversationId: id }).collect())[0].id, client.user.id)
      assert.deepEqual((await client.list.conversations({}).collect()).map((one) => one.id), [id])
    }
  })

  if (knowsMetadata) {
    test('carry metadata', async (t) => {
      const { client, id, heard } = await room(t)
      const metadata = { nested: { a: null, b: [1, 'ü'] } }
      const payload = { type: 'text', text: 'hello' }
      const { message } = await client.createMessage({ conversationId: id, payload, metadata })
      assert.deepEqual(message.metadata, metadata)
      const told = await heard.next('message_created', (data) => data.id === message.id)
      assert.deepEqual(told.metadata, metadata)
      assert.deepEqual((await client.getMessage({ id: message.id })).message.metadata, metadata)
      const { message: bare } = await client.createMessage({ conversationId: id, payload })
      assert.ok(!('metadata' in bare))
    })
  }

  test('of a million characters are taken, larger ones refused by type', async () => {
    const client = await connect()
    const { conversation } = await client.createConversation({})
    const payload = { type: 'file', fileUrl: `data:,${'x'.repeat(1_000_000)}` }
    const { message } = await client.createMessage({ conversationId: conversation.id, payload })
    assert.equal(message.payload.fileUrl.length, payload.fileUrl.length)
    const huge = { type: 'file', fileUrl: 'x'.repeat(3_000_000) }
    const refusal = client.createMessage({ conversationId: conversation.id, payload: huge })
    await refused(refusal, 'PayloadTooLarge', 'LimitExceeded')
  })

  test('whose answer fails leave the conversation good', async (t) => {
    const { client, id, heard } = await room(t)
    await say(client, id, 'break')
    await say(client, id, 'hello')
    await heard.next('message_created', (data) => data.payload.text === HELLO)
    assert.deepEqual([heard.of('unknown'), heard.of('error')], [[], []])
  })
})

if (knowsEvents) {
  describe('events', () => {
    test('are told to all and listed nowhere', async (t) => {
      const { client, id, heard } = await room(t)
      const payload = { kind: 'typing', deep: { a: [1] } }
      const { event } = await client.createEvent({ conversationId: id, payload })
      assert.deepEqual([event.payload, event.userId, event.conversationId], [payload, client.user.id, id])
      const { isBot, ...told } = await heard.next('event_created')
      assert.deepEqual([isBot, told], [false, event])
      assert.deepEqual((await client.getEvent({ id: event.id })).event, event)
      assert.deepEqual((await list(client, id)).messages, [])
      const outsider = await connect()
      await refused(outsider.getEvent({ id: event.id }), 'Forbidden')
      await refused(outsider.createEvent({ conversationId: id, payload }), 'Forbidden')
      await refused(client.getEvent({ id: 'never' }), 'ResourceNotFound')
      await refused(client.createEvent({ conversationId: id, payload: [1] }), 'InvalidPayload')
    })
  })
}

describe('participants', () => {
  test('are added, hear everything, and are removed', async (t) => {
    const { client: owner, id, heard: ofOwner } = await room(t)
    const guest = await connect()
    const add = (client, userId) => client.addParticipant({ ...participant(id), userId })
    await refused(add(guest, guest.user.id), 'Forbidden')
    const { participant: added } = await add(owner, guest.user.id)
    assert.equal(added.id, guest.user.id)
    if (knowsEvents) {
      const told = await ofOwner.next('participant_added')
      assert.deepEqual(told, { conversationId: id, participantId: guest.user.id })
    }
    assert.equal((await add(owner, guest.user.id)).participant.id, guest.user.id)
    const listed = (await owner.listParticipants(participant(id))).participants.map((user) => user.id)
    assert.equal(listed.filter((one) => one === guest.user.id).length, 1)
    assert.ok(listed.includes(owner.user.id))
    assert.equal((await owner.getParticipant(participant(id, guest.user.id))).participant.id, guest.user.id)
    await refused(guest.getParticipant(participant(id, guest.user.id)), 'Forbidden')
    await refused(add(owner, 'never-made'), 'ResourceNotFound', 'ReferenceNotFound')

    const listener = await guest.listenConversation({ id })
    t.after(() => listener.disconnect().catch(() => {}))
    const ofGuest = heard(listener)
    const { message } = await say(guest, id, 'hello')
    const same = (data) => data.id === message.id
    const [one, two] = await Promise.all([ofOwner, ofGuest].map((ears) => ears.next('message_created', same)))
    assert.deepEqual(one, two)
    assert.equal(one.userId, guest.user.id)
    const answered = (data) => data.payload.text === HELLO
    await Promise.all([ofOwner, ofGuest].map((ears) => ears.next('message_created', answered)))
    assert.ok((await guest.listConversations({})).conversations.some((one) => one.id === id))

    const elsewhere = (await guest.createConversation({})).conversation.id
    const other = await guest.listenConversation({ id: elsewhere })
    t.after(() => other.disconnect())
    const ofOther = heard(other)
    await refused(guest.removeParticipant(participant(id, guest.user.id)), 'Forbidden')
    await refused(owner.removeParticipant(participant(id, owner.user.id)), 'InvalidPayload')
    assert.deepEqual(await owner.removeParticipant(participant(id, guest.user.id)), {})
    await ofGuest.next('error')
    if (knowsEvents) {
      const told = await ofOwner.next('participant_removed')
      assert.deepEqual(told, { conversationId: id, participantId: guest.user.id })
    }
    await refused(say(guest, id, 'hello'), 'Forbidden')
    await refused(owner.getParticipant(participant(id, guest.user.id)), 'ResourceNotFound')
    await refused(owner.removeParticipant(participant(id, guest.user.id)), 'ResourceNotFound')
    await say(guest, elsewhere, 'hello')
    await ofOther.next('message_created', answered)
    assert.deepEqual(ofOwner.of('participant_added').length, knowsEvents ? 1 : 0)
    if (knowsEvents) assert.deepEqual(ofOwner.of('unknown'), [])
  })
})

describe('streams', () => {
  test('of an id with a slash work', async (t) => {
    const client = await connect()
    const id = `rooms/${randomUUID()}`
    await client.createConversation({ id })
    const listener = await client.listenConversation({ id })
    t.after(() => listener.disconnect())
    const ears = heard(listener)
    await say(client, id, 'hello')
    await ears.next('message_created', ofBot(client))
  })

  test('hear what is said in the instant they are opened', async (t) => {
    const client = await connect()
    for (let number = 0; number < 10; number++) {
      const { conversation } = await client.createConversation({})
      const listener = await client.listenConversation({ id: conversation.id })
      const ears = heard(listener)
      t.after(() => listener.disconnect())
      const { message } = await say(client, conversation.id, 'hello')
      await ears.next('message_created', (data) => data.id === message.id)
    }
  })

  test('end at a disconnect and begin again', async (t) => {
    const { client, id, listener, heard } = await room(t)
    for (let number = 0; number < 3; number++) {
      await listener.disconnect()
      await say(client, id, `unheard ${number}`)
      await listener.connect()
      const { message } = await say(client, id, `heard ${number}`)
      await heard.next('message_created', (data) => data.id === message.id)
    }
    const texts = heard.of('message_created').map((data) => data.payload.text)
    assert.ok(!texts.includes('unheard 0'), texts.join())
  })

  test('that are cut can be opened again, and the list fills the gap', async (t) => {
    const network = await cuttable(process.env.URL)
    t.after(() => network.close())
    const { client, id, listener, heard } = await room(t, { apiUrl: `${network.url}/botpress/${process.env.BOT}` })
    await say(client, id, 'slow')
    network.cut()
    await heard.next('error')
    await listener.connect()
    await say(client, id, 'hello')
    await heard.next('message_created', (data) => data.payload.text === HELLO)
    const texts = (await list(client, id)).messages.map((message) => message.payload.text)
    assert.deepEqual(new Set(texts), new Set(['slow', 'One, two, three, four.', 'hello', HELLO]))
  })

  test('end when the conversation is deleted', async (t) => {
    const { client, id, heard } = await room(t)
    await client.deleteConversation({ id })
    await heard.next('error')
  })

  test('without a bot of that name are refused with an error of the API', async () => {
    const lost = Client.connect({ apiUrl: `${process.env.URL}/botpress/nobody` })
    const error = await lost.then(() => assert.fail('connected'), (thrown) => thrown)
    assert.ok(from(5, 1) || error.type === 'ResourceNotFound', `${error.type}: ${error.message}`)
  })

  test('that are silent for 12 s live on', async () => {
    await new Promise((resolve) => setTimeout(resolve, 12_500 - (performance.now() - idle.since)))
    assert.deepEqual(idle.heard.of('error'), [])
    const { message } = await say(idle.client, idle.id, 'hello')
    await idle.heard.next('message_created', (data) => data.id === message.id)
    assert.deepEqual([idle.heard.of('error'), idle.heard.of('unknown')], [[], []])
  })
})
