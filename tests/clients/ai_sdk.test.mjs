// The AI SDK of one release, `Chat` and `useChat` included, against the native endpoint.
// Environment: RELEASE (ai-5-first, ai-5, ai-6, ai-7), URL, KEY, BOT. What the model says stands in stage.py.
import { root, until } from './page.mjs'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test from 'node:test'
import { createElement as h } from 'react'
import { createRoot } from 'react-dom/client'

const { URL: url, KEY: key, BOT: bot, RELEASE: release } = process.env
const { DefaultChatTransport, readUIMessageStream, lastAssistantMessageIsCompleteWithToolCalls } = await import(release)
const { Chat, useChat } = await import(release.replace('ai-', 'ai-react-'))

const headers = { Authorization: `Bearer ${key}` }
const api = `${url}/api/chat/${bot}`
const over = (options = {}) => new DefaultChatTransport({ api, headers, ...options })

/** A chat that keeps what its callbacks were told. */
function open(options = {}) {
  const told = { finishes: [], errors: [], data: [] }
  const chat = new Chat({
    id: randomUUID(),
    transport: over(),
    onFinish: (finish) => told.finishes.push(finish),
    onError: (error) => told.errors.push(error),
    onData: (part) => told.data.push(part),
    ...options,
  })
  return Object.assign(chat, { told })
}

const textOf = (message) =>
  (message?.parts ?? []).filter((part) => part.type === 'text').map((part) => part.text).join('')
const answerOf = (chat) => {
  const last = chat.messages.at(-1)
  return last?.role === 'assistant' ? textOf(last) : ''
}
const ask = (chat, text, options) => chat.sendMessage({ text, ...options })

/** What the model was told of the chat so far, [role, text] each; asking is itself part of the chat. */
async function recall(chat) {
  await ask(chat, 'recall')
  return JSON.parse(answerOf(chat)).slice(0, -1)
}

function assertReady(chat) {
  assert.deepEqual([chat.status, chat.error], ['ready', undefined])
}


test('a message is answered, with metadata and parts that are done', async () => {
  const chat = open()
  await ask(chat, 'hello')
  assertReady(chat)
  assert.deepEqual(chat.messages.map((message) => message.role), ['user', 'assistant'])
  const answer = chat.messages[1]
  assert.equal(textOf(answer), 'Hello from the model.')
  assert.deepEqual(answer.parts.map((part) => [part.type, part.state]), [['step-start', undefined], ['text', 'done']])
  const { metadata } = answer
  assert.equal(metadata.messageId, answer.id)
  assert.equal(metadata.finishReason, 'stop')
  assert.equal(metadata.usage.credits, 1)
  assert.equal(metadata.userId, null)
  assert.match(metadata.conversationId, /^[0-9a-f-]{36}$/)
  assert.ok(metadata.userMessageId)
  assert.equal(chat.told.finishes.length, 1)
  assert.ok(!chat.told.finishes[0].isError && !chat.told.finishes[0].isAbort)
})

test('sources come as parts of the answer, and with their passages', async () => {
  const chat = open({ transport: over({ api: `${url}/api/chat/reader` }) })
  await ask(chat, 'how many days to return an item')
  assertReady(chat)
  const { parts } = chat.messages[1]
  const [source] = parts.filter((part) => part.type === 'source-document')
  assert.deepEqual([source.title, source.mediaType], ['Returns', 'text/plain'])
  const [{ data }] = parts.filter((part) => part.type === 'data-sources')
  assert.deepEqual([data[0].number, data[0].chunk_id], [1, source.sourceId]) // the best one comes first
  assert.match(data[0].content, /within 30 days of delivery/)
  assert.equal(answerOf(chat), 'Yes: “within 30 days of delivery” [1], not.')
})

test('useChat and a bare reader show sources of both kinds, with and without an address', async (t) => {
  let hook
  const transport = over({ api: `${url}/api/chat/reader` })
  const question = 'how many days to return an item'
  const of = (message) => message?.parts.filter((part) => part.type.startsWith('source-')) ?? []
  function Page() {
    hook = useChat({ transport })
    const sources = hook.messages.flatMap(of)
    return h('ul', null, sources.map((part) => h('li', { key: part.sourceId }, part.title, ' ', part.url)))
  }
  const page = createRoot(root)
  t.after(() => page.unmount())
  page.render(h(Page))
  await until('the page', () => hook)
  hook.sendMessage({ text: question })
  await until('the answer', () => hook.status === 'ready' && hook.messages.length === 2)
  const shown = [...root.querySelectorAll('li')].map((line) => line.textContent).sort()
  assert.deepEqual(shown, ['Returns ', 'Returns on the web https://shop.example/returns'])

  const stream = await transport.sendMessages({
    chatId: randomUUID(),
    trigger: 'submit-message',
    messages: [{ id: randomUUID(), role: 'user', parts: [{ type: 'text', text: question }] }],
  })
  let last
  for await (const message of readUIMessageStream({ stream })) last = message
  assert.deepEqual(of(last).map((part) => part.type).sort(), ['source-document', 'source-url'])
  const [{ data }] = last.parts.filter((part) => part.type === 'data-sources')
  assert.deepEqual(data.map((one) => one.chunk_id), of(last).map((part) => part.sourceId))
  const web = data.find((one) => one.url)
  assert.equal(web.url, of(last).find((part) => part.type === 'source-url').url)
})

test('text arrives piece by piece', async () => {
  const seen = new Set()
  const stream = await over().sendMessages({
    chatId: randomUUID(),
    trigger: 'submit-message',
    messages: [{ id: randomUUID(), role: 'user', parts: [{ type: 'text', text: 'slow' }] }],
  })
  let last
  for await (const message of readUIMessageStream({ stream })) seen.add(textOf((last = message)))
  assert.equal(textOf(last), 'One, two, three, four.')
  assert.ok(seen.size >= 4, [...seen].join('|'))
})

test('the model is told the earlier turns', async () => {
  const chat = open()
  await ask(chat, 'hello')
  await ask(chat, 'and more')
  assert.deepEqual(await recall(chat), [
    ['user', 'hello'],
    ['assistant', 'Hello from the model.'],
    ['user', 'and more'],
    ['assistant', 'You said: and more'],
  ])
  const ids = new Set(chat.messages.map((message) => message.metadata?.conversationId).filter(Boolean))
  assert.equal(ids.size, 1)
})

test('two chats at the same time do not mix', async () => {
  const chats = [open(), open()]
  await Promise.all(chats.map((chat, number) => ask(chat, `I am ${number}`)))
  assert.deepEqual(chats.map(answerOf), ['You said: I am 0', 'You said: I am 1'])
  assert.deepEqual(await recall(chats[1]), [['user', 'I am 1'], ['assistant', 'You said: I am 1']])
})

test('a long answer with all kinds of letters arrives whole', async () => {
  const chat = open()
  await ask(chat, 'long')
  const lines = Array.from({ length: 400 }, (_, number) => `Line ${number} ü🌍\n`)
  assert.equal(answerOf(chat), lines.join(''))
})

test('an empty answer is the failure of the model', async () => {
  const chat = open()
  await ask(chat, 'nothing')
  assert.equal(chat.status, 'error')
  assert.ok(chat.error.message)
})

test('regenerate makes the last answer anew', async () => {
  const chat = open()
  await ask(chat, 'hello')
  const first = chat.messages[1].id
  await chat.regenerate()
  assertReady(chat)
  assert.equal(chat.messages.length, 2)
  assert.equal(answerOf(chat), 'Hello from the model.')
  assert.notEqual(chat.messages[1].id, first)
  assert.deepEqual(await recall(chat), [['user', 'hello'], ['assistant', 'Hello from the model.']])
})

test('regenerate of an earlier answer drops what follows it', async () => {
  const chat = open()
  await ask(chat, 'hello')
  await ask(chat, 'forget this')
  await chat.regenerate({ messageId: chat.messages[1].id })
  assertReady(chat)
  assert.equal(chat.messages.length, 2)
  assert.deepEqual(await recall(chat), [['user', 'hello'], ['assistant', 'Hello from the model.']])
})

test('an edited message replaces the old one and what followed', async () => {
  const chat = open()
  await ask(chat, 'hello')
  await ask(chat, 'forget this')
  await ask(chat, 'rather this', { messageId: chat.messages[0].id })
  assertReady(chat)
  assert.equal(chat.messages.length, 2)
  assert.equal(answerOf(chat), 'You said: rather this')
  assert.deepEqual(await recall(chat), [['user', 'rather this'], ['assistant', 'You said: rather this']])
})

test('the stop endpoint ends the answer and keeps what there is', async () => {
  const chat = open()
  const asked = ask(chat, 'stuck')
  await until('the first words', () => answerOf(chat) === 'Well, let me see')
  const stopped = await fetch(`${api}/${chat.id}/stop`, { method: 'POST', headers })
  assert.deepEqual([stopped.status, await stopped.json()], [200, { success: true }])
  await asked
  assertReady(chat)
  assert.equal(answerOf(chat), 'Well, let me see')
  assert.equal(chat.messages.at(-1).parts.at(-1).state, 'done')
  await ask(chat, 'hello')
  assert.equal(answerOf(chat), 'Hello from the model.')
})

test('stop where nothing runs does nothing and says so', async () => {
  const stopped = await fetch(`${api}/${randomUUID()}/stop`, { method: 'POST', headers })
  assert.deepEqual([stopped.status, await stopped.json()], [200, { success: true }])
})

test('a new message while one is answered stops the old answer', async () => {
  const id = randomUUID()
  const [first, second] = [open({ id }), open({ id })]
  const asked = ask(first, 'stuck')
  await until('the first words', () => answerOf(first) === 'Well, let me see')
  await ask(second, 'hello')
  assert.equal(answerOf(second), 'Hello from the model.')
  await asked
  assertReady(first)
})

/** A chat whose page has left while its answer runs; it runs until `stop` is asked for. */
async function leftAlone() {
  const left = open()
  const asked = ask(left, 'stuck')
  await until('the first words', () => answerOf(left) === 'Well, let me see')
  await left.stop()
  await asked
  return { id: left.id, messages: left.messages.slice(0, 1) }
}
const stopAnswer = (id) => fetch(`${api}/${id}/stop`, { method: 'POST', headers })

test('a closed connection is not a stop: a resume has the answer from its beginning', async () => {
  const back = open(await leftAlone())
  const resumed = back.resumeStream()
  await until('the resumed answer', () => answerOf(back) === 'Well, let me see')
  assert.equal(back.status, 'streaming')
  await stopAnswer(back.id)
  await resumed
  assertReady(back)
  assert.deepEqual(back.messages.map(textOf), ['stuck', 'Well, let me see'])
  assert.deepEqual(await recall(back), [['user', 'stuck'], ['assistant', 'Well, let me see']])
})

test('a resume where nothing runs changes nothing', async () => {
  const chat = open()
  await chat.resumeStream()
  assertReady(chat)
  await ask(chat, 'hello')
  await chat.resumeStream()
  assertReady(chat)
  assert.deepEqual(chat.messages.map(textOf), ['hello', 'Hello from the model.'])
  const none = await fetch(`${api}/${chat.id}/stream`, { headers })
  assert.deepEqual([none.status, await none.text()], [204, ''])
})

test('useChat with resume shows an answer that runs, and then talks on', async (t) => {
  const { id, messages } = await leftAlone()
  let hook
  const transport = over()
  function Page() {
    hook = useChat({ id, transport, messages, resume: true })
    return h('div', null, hook.status, hook.messages.map((message) => h('p', { key: message.id }, textOf(message))))
  }
  const page = createRoot(root)
  t.after(() => page.unmount())
  page.render(h(Page))
  const shown = () => [...root.querySelectorAll('p')].map((line) => line.textContent)
  await until('the resumed answer', () => shown()[1] === 'Well, let me see')
  await stopAnswer(id)
  await until('the end', () => hook.status === 'ready')
  hook.sendMessage({ text: 'hello' })
  await until('the next answer', () => shown()[3] === 'Hello from the model.' && hook.status === 'ready')
  assert.equal(shown().length, 4)
  assert.equal(hook.error, undefined)
})

/** A chat whose page runs the tool `get_place` as `run` says. */
function openWithTool(run) {
  const calls = []
  const chat = open({
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls,
    onToolCall: ({ toolCall }) => {
      calls.push(toolCall)
      const { toolName: tool, toolCallId } = toolCall
      // Not awaited: the answer that called has to end first.
      void (chat.addToolOutput ?? chat.addToolResult)({ tool, toolCallId, ...run })
    },
  })
  return Object.assign(chat, { calls })
}

test('a tool that the page runs is called, and its output goes on in the same message', async () => {
  const chat = openWithTool({ output: { city: 'Lund' } })
  await ask(chat, 'where am I')
  await until('the continued answer', () => chat.status === 'ready' && answerOf(chat))
  assert.equal(answerOf(chat), 'You are in {"city":"Lund"}.')
  assert.deepEqual(chat.calls.map(({ toolName, input }) => [toolName, input]), [['get_place', { precise: true }]])
  assert.equal(chat.messages.length, 2)
  const tools = chat.messages[1].parts.filter((part) => part.toolCallId)
  assert.deepEqual(
    tools.map(({ type, state, output }) => [type, state, output]),
    [['tool-get_place', 'output-available', { city: 'Lund' }]],
  )
  const told = await recall(chat)
  assert.deepEqual(told.map(([role]) => role), ['user', 'assistant', 'tool', 'assistant'])
})

test('a tool that fails on the page is told to the model', async () => {
  const chat = openWithTool({ state: 'output-error', errorText: 'no permission' })
  await ask(chat, 'where am I')
  await until('the continued answer', () => chat.status === 'ready' && answerOf(chat))
  assert.match(answerOf(chat), /no permission/)
  const [tool] = chat.messages[1].parts.filter((part) => part.toolCallId)
  assert.deepEqual([tool.state, tool.errorText], ['output-error', 'no permission'])
})

test('a call that the page leaves open ends the answer, and the next message goes on', async () => {
  const chat = open()
  await ask(chat, 'where am I')
  assertReady(chat)
  assert.equal(chat.messages[1].metadata.finishReason, 'tool-calls')
  const [tool] = chat.messages[1].parts.filter((part) => part.toolCallId)
  assert.deepEqual([tool.state, tool.input], ['input-available', { precise: true }])
  await ask(chat, 'hello')
  assertReady(chat)
  assert.equal(answerOf(chat), 'Hello from the model.')
})

test('a model that breaks off is an error that keeps the text and tells nothing private', async () => {
  const chat = open()
  await ask(chat, 'break')
  assert.equal(chat.status, 'error')
  assert.equal(answerOf(chat), 'Half an ans')
  assert.ok(chat.error.message && !/127\.0\.0\.1|Traceback|httpx/.test(chat.error.message), chat.error.message)
  await ask(chat, 'hello')
  assertReady(chat)
  assert.equal(answerOf(chat), 'Hello from the model.')
})

test('a model that refuses is an error in other words than its own', async () => {
  const chat = open()
  await ask(chat, 'refuse')
  assert.equal(chat.status, 'error')
  assert.ok(chat.error.message && !chat.error.message.includes('private words'), chat.error.message)
})

/** A refused request: the SDK gives the whole body as the error's text. */
async function refusal(transport, text = 'hello') {
  const chat = open({ transport })
  await ask(chat, text)
  assert.equal(chat.status, 'error')
  return JSON.parse(chat.error.message).error
}

test('a limit is refused with its code, and the chat goes on elsewhere', async () => {
  const strict = () => over({ api: `${url}/api/chat/strict` })
  const chat = open({ transport: strict() })
  await ask(chat, 'hello')
  assertReady(chat)
  await ask(chat, 'once more')
  assert.equal(chat.status, 'error')
  assert.equal(JSON.parse(chat.error.message).error.code, 'RATE_LIMIT_TOO_MANY_REQUESTS')
})

test('refusals tell their code', async () => {
  const wrong = { Authorization: 'Bearer wrong' }
  assert.equal((await refusal(over({ headers: wrong }))).code, 'AUTH_INVALID_API_KEY')
  assert.equal((await refusal(over({ api: `${url}/api/chat/members`, headers: {} }))).code, 'AUTH_MISSING_API_KEY')
  assert.equal((await refusal(over({ api: `${url}/api/chat/nobody` }))).code, 'AGENT_NOT_FOUND')
})

test('a bot that is open to all answers without a key', async () => {
  const chat = open({ transport: over({ headers: {} }) })
  await ask(chat, 'hello')
  assert.equal(answerOf(chat), 'Hello from the model.')
})

test('the default path takes the bot from the body, from a header', async () => {
  const paths = [{ body: { agentId: bot } }, { headers: { ...headers, 'X-Agent-Id': bot } }]
  for (const way of paths) {
    const chat = open({ transport: over({ api: `${url}/api/chat`, ...way }) })
    await ask(chat, 'hello')
    assert.equal(answerOf(chat), 'Hello from the model.')
    await chat.resumeStream()
    assertReady(chat)
  }
})

test('the endpoint of Chatbase takes the SDK too', async () => {
  const chat = open({ transport: over({ api: `${url}/api/v2/agents/${bot}/chat` }) })
  await ask(chat, 'hello')
  assertReady(chat)
  await ask(chat, 'recall')
  assert.equal(JSON.parse(answerOf(chat)).length, 3)
})

test('a key for bare lines still gives the SDK its events', async () => {
  const chat = open({ transport: over({ headers: { Authorization: `Bearer ${process.env.LINES_KEY}` } }) })
  await ask(chat, 'hello')
  assertReady(chat)
  assert.equal(answerOf(chat), 'Hello from the model.')
})
