// A person takes over a chat of the AI SDK of one release. Environment: RELEASE, URL, KEY, BOT, ADMIN.
import { root, until } from './page.mjs'
import { BY_ANNA, handoff, join, leave, reads, say } from './desk.mjs'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test from 'node:test'
import { createElement as h } from 'react'
import { createRoot } from 'react-dom/client'

const { URL: url, KEY: key, BOT: bot, RELEASE: release } = process.env
const { DefaultChatTransport, readUIMessageStream } = await import(release)
const { Chat, useChat } = await import(release.replace('ai-', 'ai-react-'))

const headers = { Authorization: `Bearer ${key}` }
const api = `${url}/api/chat/${bot}`

/** What a page shows of a message, in order: names of people, and words. */
const linesOf = ({ role, parts }) =>
  parts.flatMap((part) => {
    if (part.type === 'data-operator') return [`${part.data.name}:`]
    return part.type === 'text' ? [role === 'user' ? `> ${part.text}` : part.text] : []
  })
const shownIn = (messages) => messages.flatMap(linesOf)
const idOf = (messages) => messages.find(({ role }) => role === 'assistant').metadata.conversationId

/** The newest message that a page has, as the server calls it. */
function newest(messages) {
  const { id, parts } = messages.at(-1)
  return parts.findLast((part) => part.type === 'data-operator')?.data.messageId ?? id
}

/** As docs/ai-sdk.md has it: a page that reads on tells what it has. */
const reading = (messages) =>
  new DefaultChatTransport({
    api,
    headers,
    prepareReconnectToStreamRequest: ({ id }) => ({ api: `${api}/${id}/stream?after=${newest(messages())}`, headers }),
  })

function open(options = {}) {
  const states = []
  const chat = new Chat({
    id: randomUUID(),
    transport: new DefaultChatTransport({ api, headers }),
    onData: ({ type, data }) => type === 'data-handoff' && states.push([data.state, data.name]),
    ...options,
  })
  return Object.assign(chat, { states })
}

/** What the model was told of the chat so far. */
async function recall(chat) {
  await chat.sendMessage({ text: 'recall' })
  const [told] = linesOf(chat.messages.at(-1))
  return JSON.parse(told).slice(0, -1)
}

test('useChat shows a person in the place of the bot, and the bot again', async (t) => {
  let hook
  const states = []
  const transport = reading(() => hook.messages)
  const id = randomUUID()
  function Page() {
    hook = useChat({
      id,
      transport,
      onData: ({ type, data }) => type === 'data-handoff' && states.push([data.state, data.name]),
    })
    return h('ul', null, shownIn(hook.messages).map((line, number) => h('li', { key: number }, line)))
  }
  const page = createRoot(root)
  t.after(() => page.unmount())
  page.render(h(Page))
  const shown = () => [...root.querySelectorAll('li')].map((line) => line.textContent)
  const shows = (...lines) =>
    until(lines.join(' | '), () => hook.status === 'ready' && shown().join() === lines.join())
  await until('the page', () => hook)

  hook.sendMessage({ text: 'hello' })
  const before = ['> hello', 'Hello from the model.']
  await shows(...before)
  const conversation = idOf(hook.messages)
  await join(conversation)
  hook.sendMessage({ text: 'Are you a person?' })
  await until('who is there', () => states.length && hook.status !== 'ready')
  assert.deepEqual(states, [['joined', 'anna']])
  await reads(conversation, 'Are you a person?')
  await say(conversation, 'Yes. It comes tomorrow.')
  const asked = [...before, '> Are you a person?', 'anna:', 'Yes. It comes tomorrow.']
  await shows(...asked)

  await say(conversation, 'Anything else?')
  await say(conversation, 'I am here.')
  await hook.resumeStream()
  const heard = [...asked, 'anna:', 'Anything else?', 'anna:', 'I am here.']
  await shows(...heard)
  const listens = hook.resumeStream()
  await until('an open stream', () => states.length === 2)
  await leave(conversation)
  await listens
  assert.deepEqual(states.at(-1), ['left', 'anna'])
  await shows(...heard)
  await hook.resumeStream()
  await shows(...heard)

  hook.sendMessage({ text: 'recall' })
  await until('the bot', () => hook.status === 'ready' && shown().length === heard.length + 2)
  assert.deepEqual(JSON.parse(shown().at(-1)), [
    ['user', 'hello'],
    ['assistant', 'Hello from the model.'],
    ['user', 'Are you a person?'],
    ['assistant', `${BY_ANNA}Yes. It comes tomorrow.`],
    ['assistant', `${BY_ANNA}Anything else?`],
    ['assistant', `${BY_ANNA}I am here.`],
    ['user', 'recall'],
  ])
  assert.equal(hook.error, undefined)
})

test('what a person says before the visitor writes comes with the next stream', async () => {
  const chat = open()
  await chat.sendMessage({ text: 'hello' })
  const id = idOf(chat.messages)
  await join(id)
  await say(id, 'I am Anna.')
  const asked = chat.sendMessage({ text: 'Hi' })
  await until('the greeting', () => shownIn(chat.messages).includes('I am Anna.'))
  assert.notEqual(chat.status, 'ready')
  await say(id, 'How can I help?')
  await asked
  const more = chat.sendMessage({ text: 'My lamp' })
  await reads(id, 'My lamp')
  await say(id, 'I see.')
  await more
  assert.deepEqual(shownIn(chat.messages).slice(2), [
    ...['> Hi', 'anna:', 'I am Anna.', 'anna:', 'How can I help?'],
    ...['> My lamp', 'anna:', 'I see.'],
  ])
  assert.equal(new Set(chat.messages.map((message) => message.id)).size, chat.messages.length)
  assert.equal(chat.error, undefined)
  await leave(id)
})

test('a resume does not lose what was said when a person has left already', async () => {
  const chat = open()
  chat.transport = reading(() => chat.messages)
  await chat.sendMessage({ text: 'hello' })
  const id = idOf(chat.messages)
  await join(id)
  await say(id, 'I called you.')
  await leave(id)
  await chat.resumeStream()
  assert.deepEqual(linesOf(chat.messages.at(-1)).slice(-2), ['anna:', 'I called you.'])
  await chat.resumeStream()
  assert.equal(shownIn(chat.messages).filter((line) => line === 'I called you.').length, 1)
  assert.deepEqual((await recall(chat)).at(-1), ['assistant', `${BY_ANNA}I called you.`])
})

test('who joins ends the answer that is being made, and its words stay', async () => {
  const chat = open()
  const asked = chat.sendMessage({ text: 'stuck' })
  await until('the first words', () => shownIn(chat.messages).includes('Well, let me see'))
  await join(idOf(chat.messages))
  await asked
  assert.deepEqual([chat.status, chat.error], ['ready', undefined])
  assert.equal(chat.messages.at(-1).metadata.finishReason, 'stop')
  assert.deepEqual(shownIn(chat.messages), ['> stuck', 'Well, let me see'])
  await leave(idOf(chat.messages))
})

test('the bot asks for a person by its tool, and goes on until one comes', async () => {
  const chat = open()
  await chat.sendMessage({ text: 'a person' })
  assert.deepEqual(chat.states, [['waiting', '']])
  assert.deepEqual(shownIn(chat.messages), ['> a person', 'Somebody will come.'])
  const [tool] = chat.messages[1].parts.filter((part) => part.toolCallId)
  assert.deepEqual([tool.type, tool.toolName, tool.state], ['dynamic-tool', 'talk_to_person', 'output-available'])
  assert.equal(await handoff(idOf(chat.messages)), 'waiting')
  await chat.sendMessage({ text: 'hello' })
  assert.equal(linesOf(chat.messages.at(-1)).join(), 'Hello from the model.')
})

test('the reader of a bare stream takes a person\'s words as parts', async () => {
  const chat = open()
  await chat.sendMessage({ text: 'hello' })
  const id = idOf(chat.messages)
  await join(id)
  const stream = await chat.transport.sendMessages({
    chatId: chat.id,
    trigger: 'submit-message',
    messages: [{ id: randomUUID(), role: 'user', parts: [{ type: 'text', text: 'Hi' }] }],
  })
  await reads(id, 'Hi')
  const said = await say(id, 'Good morning.')
  let last
  for await (const message of readUIMessageStream({ stream })) last = message
  assert.deepEqual(last.parts.map((part) => part.type), ['step-start', 'data-operator', 'text'])
  const { data } = last.parts[1]
  assert.deepEqual([data.name, data.messageId, data.at], ['anna', `msg_${said.id}`, said.created_at])
  await leave(id)
})
