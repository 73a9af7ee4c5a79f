// The Lexicon Chat API: REST by fetch, the socket by one of three classes.
// Environment: SOCKET (ws: the npm package; node: Node's own; page: jsdom's, like a browser's), URL, WS_URL, BOT,
// KEY, OTHER_KEY (another tenant).
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test from 'node:test'

const { SOCKET: kind, URL: url, WS_URL: wsUrl, KEY: key, OTHER_KEY: otherKey } = process.env
const nodes = globalThis.WebSocket
const Socket = { ws: async () => (await import('ws')).default, node: async () => nodes, page: fromPage }
const WebSocketClass = await Socket[kind]()
const takesHeaders = kind !== 'page'
const HELLO = 'Hello from the model.'
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/

async function fromPage() {
  await import('./page.mjs')
  return globalThis.window.WebSocket
}

async function rest(method, path, body, auth = key) {
  const headers = { 'Content-Type': 'application/json', ...(auth && { 'X-API-Key': auth }) }
  const sent = typeof body === 'string' ? body : JSON.stringify(body)
  const answer = await fetch(`${url}/api/v1/chats${path}`, { method, headers, body: sent })
  return { status: answer.status, body: JSON.parse(await answer.text()) }
}

async function good(method, path, body, status = 200) {
  const answer = await rest(method, path, body)
  assert.equal(answer.status, status, JSON.stringify(answer.body))
  return answer.body
}

async function refused(asked, status, code) {
  const answer = await asked
  assert.deepEqual([answer.status, answer.body.error_code], [status, code], JSON.stringify(answer.body))
  assert.equal(answer.body.detail, answer.body.error_message)
  assert.ok(answer.body.detail && answer.body.details.fix)
}

const makeChat = (user_id, more = {}) => good('POST', '/', { user_id, ...more }, 201)

/** A socket whose events are kept; `next(type)` is the first such event after the last one taken. */
function dial(parameters, { headers } = {}) {
  const query = parameters ? `?${new URLSearchParams(parameters)}` : ''
  const address = `${wsUrl}/ws/chat${query}`
  const socket = headers ? new WebSocketClass(address, { headers }) : new WebSocketClass(address)
  const events = []
  let taken = 0
  let wake = () => {}
  const closed = new Promise((resolve) => {
    socket.onclose = ({ code, reason }) => {
      resolve({ code, reason })
      wake()
    }
  })
  socket.onerror = () => {}
  socket.onmessage = ({ data }) => {
    const event = JSON.parse(data)
    assert.match(event.timestamp, ISO)
    events.push(event)
    wake()
  }
  const next = async (type) => {
    const patience = new AbortController()
    const late = setTimeout(() => (patience.abort(), wake()), 10_000)
    for (;;) {
      const found = events.findIndex((event, number) => number >= taken && event.event_type === type)
      if (found >= 0) {
        clearTimeout(late)
        taken = found + 1
        return events[found]
      }
      if (patience.signal.aborted) throw new Error(`never came: ${type}; came: ${JSON.stringify(events)}`)
      await new Promise((resolve) => (wake = resolve))
    }
  }
  const send = (value) => socket.send(typeof value === 'string' ? value : JSON.stringify(value))
  return { socket, events, next, send, closed, close: () => socket.close() }
}

/** A connected user in a new chat. */
async function enter(t, user_id = randomUUID(), more = {}) {
  const chat = await makeChat(user_id, more)
  const line = dial({ api_key: key, user_id, chat_id: chat.id })
  t.after(() => line.close())
  await line.next('connection_established')
  return { ...line, chat, user_id }
}

const types = (events) =>
  events.map((event) => event.event_type).filter((type, number, all) => type !== all[number - 1])
const TURN = ['message_received', 'message_stream_started', 'message_stream_token', 'message_stream_ended']
const joined = (events) =>
  events.filter((event) => event.event_type === 'message_stream_token').map((event) => event.token).join('')

test('a chat is made and read', async () => {
  const user_id = randomUUID()
  const chat = await makeChat(user_id, { title: 'Support Session', metadata: { department: 'technical' } })
  const wanted = 'config created_at id last_message_at tenant_id title updated_at user_id'
  assert.deepEqual(Object.keys(chat).sort(), wanted.split(' '))
  assert.deepEqual([chat.user_id, chat.title, chat.last_message_at], [user_id, 'Support Session', null])
  assert.deepEqual(chat.config, { metadata: { department: 'technical' } })
  assert.match(chat.created_at, ISO)
  assert.deepEqual(await good('GET', `/${chat.id}`), { ...chat, message_count: 0, status: 'active' })
  const plain = await good('POST', '', { user_id }, 201)
  assert.ok(plain.title)
  assert.deepEqual(plain.config, { metadata: {} })
})

test('chats of a user are listed, newest first', async () => {
  const user_id = `ann ${randomUUID()}/ü`
  const path = `/user/${encodeURIComponent(user_id)}`
  const ids = []
  for (let number = 0; number < 3; number++) ids.push((await makeChat(user_id)).id)
  const all = await good('GET', path)
  assert.deepEqual(all.chats.map((chat) => chat.id), ids.toReversed())
  assert.deepEqual([all.total, all.offset, all.limit, all.has_more], [3, 0, 50, false])
  assert.equal(all.chats[0].message_count, 0)
  const page = await good('GET', `${path}?offset=1&limit=1&order=asc`)
  assert.deepEqual([page.chats[0].id, page.total, page.has_more], [ids[1], 3, true])
  assert.deepEqual(await good('GET', '/user/unknown'), { chats: [], total: 0, offset: 0, limit: 50, has_more: false })
  for (const bad of ['limit=0', 'limit=101', 'limit=x', 'offset=-1', 'order=up']) {
    await refused(rest('GET', `${path}?${bad}`), 400, 'VALIDATION_ERROR')
  }
})

test('bad requests are refused', async () => {
  const bodies = [{}, { user_id: 7 }, { user_id: '' }, { user_id: 'a', title: 7 }, { user_id: 'a', metadata: [] }]
  for (const body of [...bodies, '{nonsense', '[]']) {
    await refused(rest('POST', '/', body), 400, 'VALIDATION_ERROR')
  }
  const chat = await makeChat('ann')
  for (const auth of ['', 'wrong']) await refused(rest('GET', `/${chat.id}`, undefined, auth), 401, 'AUTH_ERROR')
  for (const id of [randomUUID(), 'nonsense']) await refused(rest('GET', `/${id}`), 404, 'CHAT_NOT_FOUND')
  for (const [method, path] of [['GET', ''], ['GET', '/messages'], ['DELETE', '']]) {
    await refused(rest(method, `/${chat.id}${path}`, undefined, otherKey), 404, 'CHAT_NOT_FOUND')
  }
})

test('a message is received, answered in pieces, stored', async (t) => {
  const { chat, user_id, events, next, send } = await enter(t)
  const [established] = events
  assert.deepEqual(
    [established.user_id, established.chat_id, established.tenant_id],
    [user_id, chat.id, chat.tenant_id],
  )
  const metadata = { category: 'billing', deep: [1, { a: null }] }
  send({ content: 'hello', metadata })
  const received = await next('message_received')
  assert.deepEqual([received.content, received.chat_id, received.user_id], ['hello', chat.id, user_id])
  const ended = await next('message_stream_ended')
  assert.deepEqual([ended.content, ended.chat_id, ended.user_id], [HELLO, chat.id, user_id])
  assert.equal(joined(events), HELLO)
  assert.deepEqual(types(events), ['connection_established', 'user_created', ...TURN])
  const tokens = events.filter((event) => event.event_type === 'message_stream_token')
  assert.deepEqual(Object.keys(tokens[0]).sort(), ['chat_id', 'event_type', 'timestamp', 'token'])
  const stored = await good('GET', `/${chat.id}/messages`)
  assert.deepEqual(
    stored.messages.map((one) => [one.id, one.content, one.sender_role, one.media_type, one.media_url]),
    [[received.message_id, 'hello', 'user', null, null], [ended.message_id, HELLO, 'assistant', null, null]],
  )
  assert.deepEqual(stored.messages[0].metadata, metadata)
  const now = await good('GET', `/${chat.id}`)
  assert.equal(now.message_count, 2)
  assert.match(now.last_message_at, ISO)
})

test('tokens come as the model makes them', async (t) => {
  const { events, next, send } = await enter(t)
  send({ content: 'slow' })
  await next('message_stream_ended')
  const tokens = events.filter((event) => event.event_type === 'message_stream_token')
  assert.ok(tokens.length >= 4)
  assert.equal(joined(events), 'One, two, three, four.')
})

test('messages sent at once are received at once and answered in order', async (t) => {
  const { chat, events, next, send } = await enter(t)
  const questions = ['slow', 'a', 'b']
  for (const content of questions) send({ content })
  const answers = ['One, two, three, four.', 'You said: a', 'You said: b']
  for (const content of answers) assert.equal((await next('message_stream_ended')).content, content)
  const received = events.filter((event) => event.event_type === 'message_received').map((event) => event.content)
  assert.deepEqual(received, questions)
  assert.equal(joined(events), answers.join(''))
  const page = await good('GET', `/${chat.id}/messages?offset=1&limit=2&order=desc`)
  assert.deepEqual([page.total, page.has_more, page.messages.length], [6, true, 2])
  await refused(rest('GET', `/${chat.id}/messages?limit=101`), 400, 'VALIDATION_ERROR')
})

test('a second tab of the same user follows', async (t) => {
  const { chat, user_id, send, next } = await enter(t)
  const tab = dial({ api_key: key, user_id, chat_id: chat.id })
  t.after(() => tab.close())
  await tab.next('connection_established')
  send({ content: 'hello' })
  const [one, two] = await Promise.all([next, tab.next].map((wait) => wait('message_stream_ended')))
  assert.equal(one.message_id, two.message_id)
  assert.equal(joined(tab.events), HELLO)
  assert.ok(!tab.events.some((event) => event.event_type === 'user_created'))
})

test('an empty answer is the failure of the model', async (t) => {
  const { events, next, send } = await enter(t)
  send({ content: 'nothing' })
  assert.equal((await next('error')).error_code, 'AI_ERROR')
  assert.ok(!events.some((event) => event.event_type === 'message_stream_ended'))
})

test('a model that fails is an error, and the next message is answered', async (t) => {
  const { events, next, send } = await enter(t)
  send({ content: 'break' })
  const error = await next('error')
  assert.equal(error.error_code, 'AI_ERROR')
  assert.ok(!/127\.0\.0\.1|private/.test(error.error_message))
  assert.ok(!events.some((event) => event.event_type === 'message_stream_ended'))
  send({ content: 'hello' })
  assert.equal((await next('message_stream_ended')).content, HELLO)
})

test('frames that do not fit are refused and the connection stays', async (t) => {
  const { chat, next, send } = await enter(t)
  const bad = ['{nonsense', '[]', '7', {}, { content: 7 }, { content: '' }, { content: ' \n' }]
  for (const frame of [...bad, { content: 'a', metadata: [] }]) {
    send(frame)
    const { error_code, details } = await next('error')
    assert.equal(error_code, 'INVALID_MESSAGE', JSON.stringify(frame))
    assert.ok(details.fix)
  }
  send({ content: 'x'.repeat(32_001) })
  assert.equal((await next('error')).error_code, 'MESSAGE_TOO_LONG')
  send({ type: 'ping' })
  await next('pong')
  assert.equal((await good('GET', `/${chat.id}`)).message_count, 0)
})

test('the eleventh message of a second is refused, the ten are answered', async (t) => {
  const { chat, events, next, send } = await enter(t)
  for (let number = 0; number < 11; number++) send({ content: '' })
  for (let number = 0; number < 10; number++) assert.equal((await next('error')).error_code, 'INVALID_MESSAGE')
  assert.equal((await next('error')).error_code, 'RATE_LIMIT_EXCEEDED')
  assert.equal((await good('GET', `/${chat.id}`)).message_count, 0)
  assert.equal(events.filter((event) => event.event_type === 'error').length, 11)
})

test('a refused connection is told why, then closed', async () => {
  const user_id = randomUUID()
  const { id: chat_id } = await makeChat(user_id)
  const all = { api_key: key, user_id, chat_id }
  const without = (name) => Object.fromEntries(Object.entries(all).filter(([one]) => one !== name))
  const missing = randomUUID()
  const nowhere = (id) => `Chat with chat_id '${id}' not found or does not belong to your tenant`
  const cases = [
    [without('api_key'), 'AUTH_ERROR', 'Missing api_key parameter'],
    [{ ...all, api_key: '' }, 'AUTH_ERROR', 'Missing api_key parameter'],
    [{ ...all, api_key: 'wrong' }, 'AUTH_ERROR', 'Invalid API key'],
    [without('user_id'), 'AUTH_ERROR', 'Missing user_id parameter'],
    [without('chat_id'), 'AUTH_ERROR', 'Missing chat_id parameter'],
    [{ ...all, chat_id: missing }, 'CHAT_NOT_FOUND', nowhere(missing)],
    [{ ...all, chat_id: 'nonsense' }, 'CHAT_NOT_FOUND', nowhere('nonsense')],
    [{ ...all, api_key: otherKey }, 'CHAT_NOT_FOUND', nowhere(chat_id)],
    [{ ...all, user_id: 'somebody else' }, 'CHAT_NOT_FOUND', nowhere(chat_id)],
  ]
  for (const [parameters, code, message] of cases) {
    const line = dial(parameters)
    assert.equal((await line.closed).code, 1008)
    const [error, ...more] = line.events
    assert.deepEqual([error.event_type, error.error_code, error.error_message], ['error', code, message])
    assert.ok(error.details.fix)
    assert.deepEqual(more, [])
  }
})

test('a user is created once, by the first connection', async (t) => {
  const user_id = randomUUID()
  const chats = [await makeChat(user_id), await makeChat(user_id)]
  const lines = chats.map((chat) => dial({ api_key: key, user_id, chat_id: chat.id }))
  t.after(() => lines.forEach((line) => line.close()))
  for (const line of lines) {
    await line.next('connection_established')
    line.send({ type: 'ping' })
    await line.next('pong')
  }
  const created = lines.flatMap((line) => line.events).filter((event) => event.event_type === 'user_created')
  assert.deepEqual(created.map((event) => event.user_id), [user_id])
})

test('a chat is deleted when nobody is connected', async (t) => {
  const { chat, close, closed } = await enter(t)
  await refused(rest('DELETE', `/${chat.id}`), 409, 'CHAT_CONFLICT')
  close()
  await closed
  let deleted
  for (let tries = 0; tries < 100 && (deleted = await rest('DELETE', `/${chat.id}`)).status === 409; tries++);
  assert.equal(deleted.status, 200)
  assert.deepEqual([deleted.body.success, deleted.body.message], [true, 'Chat deleted successfully'])
  assert.match(deleted.body.deleted_at, ISO)
  await refused(rest('GET', `/${chat.id}`), 404, 'CHAT_NOT_FOUND')
  await refused(rest('DELETE', `/${chat.id}`), 404, 'CHAT_NOT_FOUND')
})

test('an answer goes on when the connection is lost', async (t) => {
  const { chat, next, send, socket } = await enter(t)
  send({ content: 'slow' })
  await next('message_stream_token')
  ;(socket.terminate ?? socket.close).call(socket)
  let messages = []
  const end = performance.now() + 10_000
  while (messages.length < 2 || !messages[1].content.endsWith('four.')) {
    assert.ok(performance.now() < end, JSON.stringify(messages))
    messages = (await good('GET', `/${chat.id}/messages`)).messages
  }
  assert.equal(messages[1].content, 'One, two, three, four.')
})

test('a chat can name its bot', async (t) => {
  const { next, send } = await enter(t, undefined, { metadata: { agent_id: 'strict' } })
  send({ content: 'hello' })
  assert.equal((await next('message_stream_ended')).content, HELLO)
  send({ content: 'hello' })
  assert.equal((await next('error')).error_code, 'RATE_LIMIT_EXCEEDED')
})

if (takesHeaders) {
  test('the parameters may be headers, or some of them', async (t) => {
    const user_id = randomUUID()
    const { id: chat_id } = await makeChat(user_id)
    const headers = { 'X-API-Key': key, 'X-User-ID': user_id, 'X-Chat-ID': chat_id }
    const ways = [
      dial(null, { headers }),
      dial({ user_id }, { headers: { ...headers, 'X-User-ID': 'overridden by the query' } }),
    ]
    for (const line of ways) {
      t.after(() => line.close())
      assert.equal((await line.next('connection_established')).chat_id, chat_id)
    }
  })
}
