// `static/client.js` under Node, against a true server behind a network that can be cut.
// Environment: CHAT_URL (ws://…/ai/ws), SERVER_URL, TOKEN (of a user). What the model says stands in
// tests/support/stage.py; while it answers `cut`, the network is cut.
import assert from 'node:assert/strict'
import { once, EventEmitter } from 'node:events'
import test from 'node:test'
import { AIChat, ChatError, FluxbaseAIChat, createClient } from '../../static/client.js'

const wsUrl = process.env.CHAT_URL

/** A connected chat whose events are kept and can be awaited by type. */
async function open(t, options = {}) {
  const events = []
  const emitter = new EventEmitter()
  const onEvent = (event) => {
    events.push(event)
    emitter.emit(`on ${event.type}`, event)
  }
  const chat = new AIChat({ wsUrl, reconnectDelay: 10, onEvent, ...options })
  t.after(() => chat.disconnect())
  await chat.connect()
  return { chat, events, next: async (type) => (await once(emitter, `on ${type}`))[0] }
}

test('every callback gets its arguments', async (t) => {
  const calls = []
  const record = (name) => (...values) => calls.push([name, ...values])
  const { chat, next } = await open(t, {
    onContent: record('content'),
    onProgress: record('progress'),
    onQueryResult: record('query'),
    onDone: record('done'),
    onError: record('error'),
  })
  assert.ok(chat.isConnected())
  const id = await chat.startChat('sql-assistant')
  const done = next('done')
  await chat.sendMessage(id, 'top users')
  await done
  assert.equal(chat.getAccumulatedContent(id), 'The top two are shown above.')
  const steps = calls.filter(([name]) => name === 'progress')
  assert.deepEqual(steps[2], ['progress', 'querying', 'Executing: users', id])
  const [[, sql, summary, rowCount, rows, where]] = calls.filter(([name]) => name === 'query')
  assert.match(sql, /^SELECT name, id FROM users/)
  assert.ok(summary)
  assert.deepEqual([rowCount, Object.keys(rows[0]), where], [2, ['name', 'id'], id])
  assert.deepEqual(calls.at(-1).slice(0, 1).concat(calls.at(-1)[1].total_tokens, calls.at(-1)[2]), ['done', 36, id])
})

test('overlapping starts get their own answers, a refused one its error', async (t) => {
  const { chat } = await open(t)
  const bots = ['support', 'nobody', 'sql-assistant']
  const [one, none, two] = await Promise.allSettled(bots.map((bot) => chat.startChat(bot)))
  assert.ok(one.value && two.value && one.value !== two.value)
  assert.ok(none.reason instanceof ChatError)
  assert.equal(none.reason.code, 'CHATBOT_NOT_FOUND')
})

test('cancel stops the answer and the socket stays good', async (t) => {
  const { chat, next } = await open(t)
  const id = await chat.startChat('support')
  const content = next('content')
  chat.sendMessage(id, 'stuck')
  await content
  const cancelled = next('cancelled')
  chat.cancel(id)
  await cancelled
  const done = next('done')
  chat.sendMessage(id, 'next')
  await done
  assert.equal(chat.getAccumulatedContent(id), 'You said: next')
})

test('a cut in mid-answer loses and doubles nothing, also beyond the basic plane', async (t) => {
  const deltas = []
  const { chat, events, next } = await open(t, { onContent: (delta) => deltas.push(delta) })
  const id = await chat.startChat('support')
  const done = next('done')
  chat.sendMessage(id, 'cut')
  await done
  assert.equal(deltas.join(''), 'Grüße 🌍🌍 and then the rest.')
  assert.equal(chat.getAccumulatedContent(id), deltas.join(''))
  assert.ok(events.some((event) => event.type === 'disconnected'))
  assert.equal(events.filter((event) => event.type === 'user_message').length, 1)
})

test('a message sent while offline arrives once after the reconnect', async (t) => {
  const { chat, next } = await open(t)
  const id = await chat.startChat('support')
  const disconnected = next('disconnected')
  chat.sendMessage(id, 'cut')
  await disconnected
  assert.ok(!chat.isConnected())
  chat.sendMessage(id, 'hello')
  await next('done')
  await next('done')
  assert.equal(chat.getAccumulatedContent(id), 'You said: hello')
})

test('a merged frame that overlaps what was seen is cut to what is new', async () => {
  // No server sends this on purpose; the rule is the protocol's, so it is fed by hand.
  let socket
  class Wire {
    constructor() {
      socket = this
      this.readyState = 1
      queueMicrotask(() => this.onopen())
    }
    send() {}
    close() {}
  }
  const chat = new AIChat({ wsUrl: 'ws://x', WebSocket: Wire })
  await chat.connect()
  const feed = (frame) => socket.onmessage({ data: JSON.stringify({ conversation_id: 'c', ...frame }) })
  feed({ type: 'chat_started', chatbot: 'b', seq: 0 })
  feed({ type: 'resumed', seq: 0 })
  feed({ type: 'content', delta: '🌍a', seq: 2 })
  feed({ type: 'content', delta: '🌍ab🌍', seq: 4 })
  feed({ type: 'content', delta: 'b🌍', seq: 4 })
  feed({ type: 'content', delta: '!', seq: 5 })
  assert.equal(chat.getAccumulatedContent('c'), '🌍ab🌍!')
})

test('resume from the beginning rebuilds the history', async (t) => {
  const first = await open(t)
  const id = await first.chat.startChat('sql-assistant')
  const done = first.next('done')
  first.chat.sendMessage(id, 'top users')
  await done
  const { chat, events, next } = await open(t)
  const again = next('done')
  const resumed = await chat.resume(id)
  assert.equal(resumed.running, false)
  await again
  const types = events.map((event) => event.type)
  assert.ok(types.indexOf('user_message') < types.indexOf('query_result'))
  assert.equal(chat.getAccumulatedContent(id), 'The top two are shown above.')
  await assert.rejects(chat.resume('unknown'), { code: 'NO_SESSION' })
})

test('a refused message tells when to come back', async (t) => {
  const { chat, next } = await open(t)
  const id = await chat.startChat('strict')
  const done = next('done')
  chat.sendMessage(id, 'one')
  await done
  const error = next('error')
  chat.sendMessage(id, 'two')
  const { code, retryAfter } = await error
  assert.equal(code, 'RATE_LIMIT')
  assert.ok(retryAfter > 0 && retryAfter <= 60)
})

test('createClient lists and looks up bots, and its chats know the address', async (t) => {
  const client = createClient(`${process.env.SERVER_URL}/`, process.env.TOKEN)
  const { data, error } = await client.ai.listChatbots()
  assert.equal(error, null)
  assert.ok(data.some((bot) => bot.name === 'support'))
  assert.equal((await client.ai.lookupChatbot('support')).data.chatbot.name, 'support')
  assert.match((await client.ai.lookupChatbot('no such')).error.message, /no such/)
  assert.equal((await createClient(process.env.SERVER_URL, 'wrong').ai.listChatbots()).data, null)
  const chat = client.ai.createChat({ token: process.env.TOKEN })
  t.after(() => chat.disconnect())
  await chat.connect()
  assert.ok(await chat.startChat('members'))
})

test('a refused token rejects connect, once', async () => {
  const chat = new AIChat({ wsUrl, token: 'made-up' })
  await assert.rejects(chat.connect(), { code: 'CONNECT_FAILED' })
  assert.equal(chat.isConnected(), false)
})

test('misuse and missing servers are clear errors', async () => {
  const nowhere = new FluxbaseAIChat({ wsUrl: 'ws://127.0.0.1:1/ai/ws' })
  assert.throws(() => nowhere.sendMessage('c', 'hello'), { code: 'NOT_CONNECTED' })
  await assert.rejects(nowhere.startChat('support'), { code: 'NOT_CONNECTED' })
  await assert.rejects(nowhere.connect(), { code: 'CONNECT_FAILED' })
  const { data, error } = await createClient('http://127.0.0.1:1').ai.listChatbots()
  assert.equal(data, null)
  assert.ok(error instanceof Error)
})

test('a message that is too long is refused once, and the next one is answered', async (t) => {
  const { chat, events, next } = await open(t)
  const id = await chat.startChat('support')
  assert.throws(() => chat.sendMessage(id, 'x'.repeat(100_001)), { code: 'INVALID_MESSAGE' })
  const refused = next('error')
  const long = chat.sendMessage(id, '🌍'.repeat(90_000)) // few characters, but a frame over the limit
  const { code, clientMessageId, conversationId } = await refused
  assert.deepEqual([code, clientMessageId, conversationId], ['INVALID_MESSAGE', long, id])
  const done = next('done')
  chat.sendMessage(id, 'hello')
  await done
  assert.equal(events.filter(({ type }) => type === 'error').length, 1)
})

test('without any WebSocket the error says what to do', async () => {
  const { WebSocket } = globalThis
  globalThis.WebSocket = undefined
  try {
    await assert.rejects(new AIChat({ wsUrl }).connect(), /experimental-websocket/)
  } finally {
    globalThis.WebSocket = WebSocket
  }
})

test('disconnect is final, and a callback that throws harms nobody', async (t) => {
  const { error } = console
  console.error = () => {}
  t.after(() => (console.error = error))
  const { chat, events, next } = await open(t, {
    onContent: () => {
      throw new Error('mine')
    },
  })
  const id = await chat.startChat('support')
  const done = next('done')
  chat.sendMessage(id, 'hello')
  await done
  chat.disconnect()
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(events.filter((event) => event.type === 'connected').length, 1)
  assert.equal(events.at(-1).type, 'disconnected')
})
