// Chatbase API v2 by plain fetch, as its documentation has it.
// Environment: URL, BOT, KEYS (several of one tenant, by commas), LINES_KEY (the same tenant, bare JSON lines),
// OTHER_KEY (another tenant).
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test, { beforeEach } from 'node:test'

const { URL: url, KEYS: keys, BOT: bot, LINES_KEY: linesKey, OTHER_KEY: otherKey } = process.env

// 100 requests in 10 seconds are allowed for each key, and these tests are faster than that.
let key
let begun = 0
beforeEach(() => {
  key = keys.split(',')[begun++ % keys.split(',').length]
})

const base = `${url}/api/v2`
const ours = `/agents/${bot}`
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const headersOf = (auth) => (auth ? { Authorization: `Bearer ${auth}` } : {})

function call(method, path, body, { auth = key, headers = {}, at = base } = {}) {
  const sent = typeof body === 'string' || body === undefined ? body : JSON.stringify(body)
  return fetch(at + path, {
    method,
    headers: { 'Content-Type': 'application/json', ...headersOf(auth), ...headers },
    body: sent,
  })
}

async function good(answer, status = 200) {
  const body = await answer.text()
  assert.equal(answer.status, status, body)
  assert.ok(answer.headers.get('x-request-id'), 'no x-request-id')
  return JSON.parse(body)
}

async function refused(answer, status, code) {
  const body = JSON.parse(await answer.text())
  assert.deepEqual([answer.status, body.error.code], [status, code], JSON.stringify(body))
  assert.ok(body.error.message)
  assert.ok(answer.headers.get('x-request-id'), 'no x-request-id')
  return body.error
}

const get = async (path, options) => good(await call('GET', path, undefined, options))
const post = async (path, body, options) => good(await call('POST', path, body, options))
const ask = async (message, more = {}, options) =>
  (await post(`${ours}/chat`, { message, stream: false, ...more }, options)).data
const continued = (answer) => ({ conversationId: answer.metadata.conversationId })
const conversation = (answer) => `${ours}/conversations/${answer.metadata.conversationId}`

/** The events of an answer in Server-Sent Events; insists on the framing that the vendor's clients need. */
async function events(answer) {
  assert.equal(answer.status, 200)
  assert.match(answer.headers.get('content-type'), /^text\/event-stream/)
  assert.equal(answer.headers.get('x-vercel-ai-ui-message-stream'), 'v1')
  const text = await answer.text()
  assert.ok(text.endsWith('\n\n') && !text.includes('\r'), text)
  const blocks = text.slice(0, -2).split('\n\n').filter((block) => !block.startsWith(':'))
  for (const block of blocks) assert.ok(block.startsWith('data: ') && !block.includes('\n'), block)
  assert.equal(blocks.at(-1), 'data: [DONE]')
  assert.equal(blocks.filter((block) => block === 'data: [DONE]').length, 1)
  return blocks.slice(0, -1).map((block) => {
    const event = JSON.parse(block.slice(6))
    assert.equal(block.slice(6), JSON.stringify(event), 'not compact JSON')
    return event
  })
}

const types = (list) => list.map((event) => event.type).filter((type) => type !== 'text-delta')
const joined = (list) => list.filter((event) => event.type === 'text-delta').map((event) => event.delta).join('')
const USUAL = ['start', 'start-step', 'text-start', 'text-end', 'finish-step', 'finish']

test('health needs no key', async () => {
  const { status, timestamp } = await good(await call('GET', '/health', undefined, { auth: '' }))
  assert.equal(status, 'ok')
  assert.ok(Number.isInteger(timestamp) && Math.abs(timestamp - Date.now() / 1000) < 60)
})

test('a key is asked for before anything else', async () => {
  for (const path of ['/agents', ours, '/agents/nobody', `${ours}/conversations`]) {
    await refused(await call('GET', path, undefined, { auth: '' }), 401, 'AUTH_MISSING_API_KEY')
    await refused(await call('GET', path, undefined, { auth: 'wrong' }), 401, 'AUTH_INVALID_API_KEY')
  }
  await refused(await call('POST', `${ours}/chat`, '{nonsense', { auth: 'tk_wrong' }), 401, 'AUTH_INVALID_API_KEY')
  const lower = await call('GET', '/agents', undefined, { auth: '', headers: { Authorization: `bearer ${key}` } })
  assert.equal(lower.status, 200)
})

test('every answer tells the limits', async () => {
  const answers = [
    await call('GET', '/agents'),
    await call('GET', '/agents/nobody'),
    await call('POST', `${ours}/chat`, { message: 'hello' }),
  ]
  for (const answer of answers) {
    await answer.text()
    assert.ok(Number(answer.headers.get('x-ratelimit-limit')) > 0)
    assert.ok(Number(answer.headers.get('x-ratelimit-remaining')) >= 0)
    // Milliseconds, as the vendor's own client reads them.
    assert.ok(Math.abs(Number(answer.headers.get('x-ratelimit-reset')) - Date.now()) < 60_000)
  }
})

test('agents are listed and shown with all their keys', async () => {
  const { data, pagination } = await get('/agents')
  assert.deepEqual(Object.keys(pagination).sort(), ['cursor', 'hasMore', 'total'])
  const [listed] = data.filter((agent) => agent.name === bot)
  const agent = await get(`/agents/${listed.id}`)
  assert.equal(agent.id, listed.id)
  const wanted = `id name instructions channelInstructions model autoRetrain temp visibility allowedDomains
    suggestedMessages initialMessages creditLimit creditsUsed notificationsSettings ipRateLimits spamSettings
    blockedCountries voiceSettings styles createdAt lastMessageAt lastTrainedAt status size`.split(/\s+/)
  assert.deepEqual(wanted.filter((name) => !(name in agent)), [])
  assert.equal(new Date(agent.createdAt).toISOString().slice(0, 10), agent.createdAt.slice(0, 10))
  assert.equal((await get(`/agents/${bot}`)).id, agent.id)
  await refused(await call('GET', '/agents/nobody'), 404, 'AGENT_NOT_FOUND')
})

test('an answer in one piece', async () => {
  const { data } = await post(`${ours}/chat`, { message: 'hello', stream: false })
  assert.deepEqual(Object.keys(data).sort(), ['id', 'metadata', 'parts', 'role'])
  assert.equal(data.role, 'assistant')
  assert.match(data.id, /^msg_/)
  assert.deepEqual(data.parts, [{ type: 'text', text: 'Hello from the model.' }])
  const { conversationId, userMessageId, ...rest } = data.metadata
  assert.match(conversationId, UUID)
  assert.match(userMessageId, /^msg_/)
  assert.deepEqual(rest, { userId: null, finishReason: 'stop', usage: { credits: 1 } })
})

test('streaming is the default, in Server-Sent Events', async () => {
  const told = await events(await call('POST', `${ours}/chat`, { message: 'hello', userId: 'user_abc-1.2' }))
  assert.deepEqual(types(told), USUAL)
  assert.equal(joined(told), 'Hello from the model.')
  const [start, finish] = [told[0], told.at(-1)]
  assert.match(start.messageId, /^msg_/)
  assert.equal(finish.finishReason, 'stop')
  assert.deepEqual(Object.keys(finish).sort(), ['finishReason', 'messageMetadata', 'type'])
  const { conversationId, userMessageId, ...rest } = finish.messageMetadata
  assert.match(conversationId, UUID)
  assert.match(userMessageId, /^msg_/)
  assert.deepEqual(rest, {
    messageId: start.messageId,
    userId: 'user_abc-1.2',
    finishReason: 'stop',
    usage: { credits: 1 },
  })
  const { data } = await get(`${ours}/conversations/${conversationId}`)
  assert.deepEqual(data.messages.map((message) => message.id), [userMessageId, start.messageId])
})

test('bare lines are chosen by Accept, by the mount, by the key', async () => {
  const ways = [
    { headers: { Accept: 'application/x-ndjson' } },
    { headers: { Accept: 'application/jsonl, */*' } },
    { at: `${url}/ndjson/api/v2` },
    { auth: linesKey },
  ]
  for (const way of ways) {
    const answer = await call('POST', `${ours}/chat`, { message: 'hello' }, way)
    assert.match(answer.headers.get('content-type'), /^application\/x-ndjson/)
    assert.equal(answer.headers.get('x-vercel-ai-ui-message-stream'), 'v1')
    const told = (await answer.text()).split('\n').filter((line) => line).map((line) => JSON.parse(line))
    assert.equal(joined(told), 'Hello from the model.')
    assert.equal(told[0].type, 'start')
    const finish = told.at(-1)
    assert.deepEqual(finish.metadata, finish.messageMetadata)
    assert.equal(finish.metadata.usage.credits, 1)
  }
  const sse = { auth: linesKey, headers: { Accept: 'text/event-stream' } }
  await events(await call('POST', `${ours}/chat`, { message: 'hello' }, sse))
})

test('a long piece of text is cut into lines that a network read can hold', async () => {
  const word = 'ü🌍'.repeat(3000)
  const answer = await call('POST', `${ours}/chat`, { message: word }, { auth: linesKey })
  const lines = (await answer.text()).split('\n').filter((line) => line)
  assert.equal(joined(lines.map((line) => JSON.parse(line))), `You said: ${word}`)
  const longest = Math.max(...lines.map((line) => JSON.parse(line).delta?.length ?? 0))
  assert.ok(longest <= 2000, `a delta of ${longest} units`)
})

test('a conversation goes on and keeps its user', async () => {
  const first = await ask('hello', { userId: 'ann' })
  const second = await ask('recall', { ...continued(first), userId: 'somebody else!!' })
  assert.equal(second.metadata.conversationId, first.metadata.conversationId)
  assert.equal(second.metadata.userId, 'ann')
  assert.equal(JSON.parse(second.parts[0].text).length, 3)
  const anonymous = await ask('hello')
  assert.equal((await ask('hello', { ...continued(anonymous), userId: 'ann' })).metadata.userId, null)
})

test('bodies that do not fit are refused with the field', async () => {
  const bad = [
    [{}, 'message'],
    [{ message: '' }, 'message'],
    [{ message: ' \n' }, 'message'],
    [{ message: 7 }, 'message'],
    [{ message: null }, 'message'],
    [{ message: 'a', stream: 'yes' }, 'stream'],
    [{ message: 'a', stream: null }, 'stream'],
    [{ message: 'a', userId: 'a b' }, 'userId'],
    [{ message: 'a', userId: 'x'.repeat(129) }, 'userId'],
    [{ message: 'a', userId: '' }, 'userId'],
    [{ message: 'a', conversationId: 7 }, 'conversationId'],
  ]
  for (const [body, field] of bad) {
    const { details } = await refused(await call('POST', `${ours}/chat`, body), 400, 'VALIDATION_INVALID_BODY')
    assert.ok(field in details, JSON.stringify([body, details]))
  }
  await refused(await call('POST', `${ours}/chat`, '{"message": "a'), 400, 'VALIDATION_INVALID_JSON')
  await refused(await call('POST', `${ours}/chat`, '[1]'), 400, 'VALIDATION_INVALID_BODY')
  assert.equal((await call('POST', `${ours}/chat`, { message: 'hello', stream: false, extra: {} })).status, 200)
})

test('what is not there and what is another tenant\'s look the same', async () => {
  const { metadata } = await ask('hello')
  const path = `${ours}/conversations/${metadata.conversationId}`
  const other = { auth: otherKey }
  const pairs = [
    ['GET', path, undefined],
    ['GET', `${path}/messages`, undefined],
    ['POST', `${path}/retry`, { messageId: 'msg_x' }],
    ['PATCH', path, { paused: true }],
    ['POST', `${path}/tool-result`, { toolCallId: 'call_x', output: 1 }],
    ['POST', `${ours}/chat`, { message: 'hello', conversationId: metadata.conversationId }],
  ]
  for (const [method, at, body] of pairs) await refused(await call(method, at, body, other), 404, 'RESOURCE_NOT_FOUND')
  for (const id of [randomUUID(), 'nonsense']) {
    await refused(await call('POST', `${ours}/chat`, { message: 'a', conversationId: id }), 404, 'RESOURCE_NOT_FOUND')
  }
  await refused(await call('POST', '/agents/nobody/chat', { message: 'a' }), 404, 'AGENT_NOT_FOUND')
  const elsewhere = { message: 'a', conversationId: metadata.conversationId }
  await refused(await call('POST', '/agents/members/chat', elsewhere), 403, 'CHAT_CONVERSATION_MISMATCH')
  await refused(await call('GET', '/nothing/here'), 404, 'NOT_FOUND')
})

test('retry makes an answer anew and discards what followed', async () => {
  const first = await ask('hello')
  const second = await ask('forget this', continued(first))
  const { data } = await post(`${conversation(first)}/retry`, { messageId: first.id, stream: false })
  assert.notEqual(data.id, first.id)
  assert.equal(data.metadata.userMessageId, first.metadata.userMessageId)
  assert.deepEqual(data.parts, first.parts)
  const { data: kept } = await get(conversation(first))
  assert.deepEqual(kept.messages.map((message) => message.id), [first.metadata.userMessageId, data.id])
  const again = await events(await call('POST', `${conversation(first)}/retry`, { messageId: data.id }))
  assert.equal(joined(again), 'Hello from the model.')
  const gone = await call('POST', `${conversation(first)}/retry`, { messageId: second.id })
  await refused(gone, 404, 'CHAT_RETRY_MESSAGE_NOT_FOUND')
  const start = await call('POST', `${conversation(first)}/retry`, { messageId: first.metadata.userMessageId })
  await refused(start, 400, 'CHAT_RETRY_NO_USER_MESSAGE')
  await refused(await call('POST', `${conversation(first)}/retry`, {}), 400, 'VALIDATION_INVALID_BODY')
})

test('lists page without losing or doubling anything', async () => {
  const made = []
  for (let number = 0; number < 5; number++) made.push((await ask(`n ${number}`, { userId: 'pager' })).metadata)
  const ids = made.map((metadata) => metadata.conversationId)
  const path = `${ours}/users/pager/conversations`
  const seen = []
  let cursor = ''
  for (;;) {
    const page = await get(`${path}?limit=2${cursor && `&cursor=${encodeURIComponent(cursor)}`}`)
    seen.push(...page.data)
    assert.equal(page.pagination.hasMore, page.pagination.cursor !== null)
    assert.equal(page.pagination.total, 5)
    if (!page.pagination.hasMore) break
    cursor = page.pagination.cursor
  }
  assert.deepEqual(seen.map((one) => one.id), ids.toReversed())
  assert.deepEqual(Object.keys(seen[0]).sort(), ['createdAt', 'id', 'status', 'title', 'updatedAt', 'userId'])
  assert.deepEqual([seen[0].userId, seen[0].status], ['pager', 'ongoing'])
  assert.ok(Math.abs(seen[0].createdAt - Date.now() / 1000) < 60)
  for (const bad of ['limit=0', 'limit=101', 'limit=x', 'cursor=nonsense', 'cursor=%00']) {
    await refused(await call('GET', `${ours}/conversations?${bad}`), 400, 'VALIDATION_INVALID_BODY')
  }
  assert.deepEqual((await get(`${ours}/users/unknown/conversations`)).data, [])
  await refused(await call('GET', `${ours}/users/a%20b/conversations`), 400, 'VALIDATION_INVALID_BODY')
})

test('conversations are listed newest first and by date', async () => {
  const { metadata } = await ask('hello')
  assert.equal((await get(`${ours}/conversations?limit=1`)).data[0].id, metadata.conversationId)
  const today = new Date().toISOString().slice(0, 10)
  assert.ok((await get(`${ours}/conversations?startDate=${today}&endDate=${today}`)).data.length)
  assert.equal((await get(`${ours}/conversations?endDate=2020-01-01`)).data.length, 0)
  const reversed = await call('GET', `${ours}/conversations?startDate=2026-02-01&endDate=2026-01-01`)
  await refused(reversed, 400, 'VALIDATION_INVALID_DATE_RANGE')
  await refused(await call('GET', '/agents/nobody/conversations'), 404, 'AGENT_NOT_FOUND')
})

test('messages page backward, oldest first within a page', async () => {
  const first = await ask('a')
  for (const text of ['b', 'c']) await ask(text, continued(first))
  const path = `${conversation(first)}/messages`
  const newest = await get(`${path}?limit=4`)
  const texts = (page) => page.data.map((message) => message.parts[0].text)
  assert.deepEqual(texts(newest), ['b', 'You said: b', 'c', 'You said: c'])
  assert.equal(newest.pagination.total, 6)
  const older = await get(`${path}?limit=4&cursor=${encodeURIComponent(newest.pagination.cursor)}`)
  assert.deepEqual(texts(older), ['a', 'You said: a'])
  assert.deepEqual([older.pagination.hasMore, older.pagination.cursor], [false, null])
  const [user, assistant] = older.data
  assert.deepEqual(Object.keys(user).sort(), ['createdAt', 'id', 'parts', 'role'])
  assert.deepEqual([user.role, assistant.role], ['user', 'assistant'])
  assert.deepEqual([assistant.feedback, assistant.metadata], [null, { score: null }])
})

test('feedback is kept on answers only', async () => {
  const answer = await ask('hello')
  const path = (id) => `${conversation(answer)}/messages/${id}/feedback`
  for (const feedback of ['positive', 'negative', null]) {
    const { data } = await good(await call('PATCH', path(answer.id), { feedback }))
    assert.deepEqual([data.id, data.feedback], [answer.id, feedback])
    assert.equal((await get(conversation(answer))).data.messages[1].feedback, feedback)
  }
  for (const body of [{}, { feedback: 'so so' }, { feedback: 'positive', more: 1 }]) {
    await refused(await call('PATCH', path(answer.id), body), 400, 'VALIDATION_INVALID_BODY')
  }
  const users = await call('PATCH', path(answer.metadata.userMessageId), { feedback: 'positive' })
  await refused(users, 422, 'RESOURCE_MESSAGE_NOT_ASSISTANT')
  await refused(await call('PATCH', path('msg_none'), { feedback: null }), 404, 'RESOURCE_MESSAGE_NOT_FOUND')
})

test('a paused conversation stores the message and answers nothing', async () => {
  const answer = await ask('hello')
  const pause = async (paused) => (await good(await call('PATCH', conversation(answer), { paused }))).data
  assert.deepEqual(await pause(true), { id: answer.metadata.conversationId, status: 'paused' })
  const silent = await ask('anybody there?', continued(answer))
  assert.deepEqual([silent.parts, silent.metadata.finishReason, silent.metadata.usage.credits], [[], 'stop', 0])
  const body = { message: 'still nobody?', ...continued(answer) }
  assert.deepEqual(types(await events(await call('POST', `${ours}/chat`, body))), ['start', 'finish'])
  const { data } = await get(conversation(answer))
  assert.equal(data.status, 'paused')
  assert.deepEqual(data.messages.slice(2).map((message) => message.role), ['user', 'user'])
  assert.equal((await pause(false)).status, 'ongoing')
  assert.equal((await ask('hello', continued(answer))).parts[0].text, 'Hello from the model.')
  for (const bad of [{}, { paused: 'yes' }, { paused: true, more: 1 }]) {
    await refused(await call('PATCH', conversation(answer), bad), 400, 'VALIDATION_INVALID_BODY')
  }
})

test('an action of the client is called, answered, gone on with', async () => {
  const called = await ask('where am I')
  assert.equal(called.metadata.finishReason, 'tool-calls')
  const [call_] = called.parts.filter((part) => part.type === 'tool-call')
  assert.deepEqual([call_.toolName, call_.input], ['get_place', { precise: true }])
  const path = `${conversation(called)}/tool-result`
  const early = await call('POST', `${ours}/chat`, { stream: false, ...continued(called) })
  await refused(early, 400, 'VALIDATION_INVALID_BODY')
  const result = { toolCallId: call_.toolCallId, output: { city: 'Lund' } }
  assert.deepEqual((await post(path, result)).data, { success: true })
  await refused(await call('POST', path, result), 404, 'RESOURCE_TOOL_CALL_NOT_FOUND')
  const { data } = await post(`${ours}/chat`, { stream: false, ...continued(called) })
  assert.equal(data.parts.at(-1).text, 'You are in {"city":"Lund"}.')
  assert.equal(data.metadata.userMessageId, called.metadata.userMessageId)
  const none = await call('POST', `${ours}/chat`, { stream: false, ...continued(called) })
  await refused(none, 400, 'VALIDATION_INVALID_BODY')
})

test('a streamed action ends its answer with tool-calls', async () => {
  const told = await events(await call('POST', `${ours}/chat`, { message: 'where am I' }))
  const [available] = told.filter((event) => event.type === 'tool-input-available')
  assert.deepEqual([available.toolName, available.input], ['get_place', { precise: true }])
  assert.ok(!told.some((event) => event.type === 'tool-output-available'))
  assert.deepEqual(types(told).slice(-2), ['finish-step', 'finish'])
  assert.equal(told.at(-1).finishReason, 'tool-calls')
  const path = `${ours}/conversations/${told.at(-1).messageMetadata.conversationId}`
  await post(`${path}/tool-result`, { toolCallId: available.toolCallId, output: 'Lund' })
  const body = { conversationId: told.at(-1).messageMetadata.conversationId }
  assert.equal(joined(await events(await call('POST', `${ours}/chat`, body))), 'You are in Lund.')
})

test('a model that breaks off is told in the stream and by status', async () => {
  const told = await events(await call('POST', `${ours}/chat`, { message: 'break' }))
  assert.equal(joined(told), 'Half an ans')
  assert.deepEqual(types(told).slice(-2), ['error', 'finish'])
  assert.ok(types(told).includes('text-end'))
  const finish = told.at(-1)
  assert.deepEqual([finish.finishReason, finish.messageMetadata.finishReason], ['error', 'error'])
  assert.ok(!/127\.0\.0\.1|private/.test(told.at(-2).errorText))
  await refused(await call('POST', `${ours}/chat`, { message: 'refuse', stream: false }), 500, 'CHAT_STREAMING_ERROR')
})

test('export shows the conversations with their messages', async () => {
  const { metadata } = await ask('hello', { userId: 'exported' })
  const only = `${ours}/conversations/export?conversationId=${metadata.conversationId}`
  const [whole] = (await get(only)).data
  assert.deepEqual([whole.id, whole.source, whole.messages.length], [metadata.conversationId, 'API', 2])
  const [summary] = (await get(`${only}&include=summary`)).data
  assert.ok(!('messages' in summary))
  await refused(await call('GET', `${ours}/conversations/export?limit=21`), 400, 'VALIDATION_INVALID_BODY')
})

test('a limit of the bot is refused before the stream opens', async () => {
  await good(await call('POST', '/agents/strict/chat', { message: 'hello', stream: false }))
  const answer = await call('POST', '/agents/strict/chat', { message: 'hello' })
  assert.ok(Number(answer.headers.get('retry-after')) >= 1)
  await refused(answer, 429, 'RATE_LIMIT_TOO_MANY_REQUESTS')
})
