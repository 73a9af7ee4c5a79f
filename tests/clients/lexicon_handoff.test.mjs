// A person takes over a Lexicon chat: over npm `ws`, and before the published React hook and component.
// Environment: URL, WS_URL, KEY, ADMIN.
import { root, type, until } from './page.mjs'
import { BY_ANNA, handoff, join, leave, reads, say } from './desk.mjs'
import assert from 'node:assert/strict'
import test from 'node:test'
import { createElement } from 'react'
import { createRoot } from 'react-dom/client'
import WebSocketOfNpm from 'ws'
import { ChatInterface } from './seeds/lexicon-hook.jsx.mjs'

const { URL: url, WS_URL: wsUrl, KEY: key } = process.env
const headers = { 'X-API-Key': key, 'Content-Type': 'application/json' }

async function makeChat() {
  const made = await fetch(`${url}/api/v1/chats/`, { method: 'POST', headers, body: '{"user_id": "user123"}' })
  return (await made.json()).id
}

async function connected(t, id) {
  const socket = new WebSocketOfNpm(`${wsUrl}/ws/chat?api_key=${key}&user_id=user123&chat_id=${id}`)
  t.after(() => socket.close())
  const events = []
  socket.onmessage = ({ data }) => events.push(JSON.parse(data))
  const seen = (type, fits = () => true) => events.find((event) => event.event_type === type && fits(event))
  const ended = (content) =>
    until(content || 'an empty end', () => seen('message_stream_ended', (event) => event.content === content))
  await until('the connection', () => seen('connection_established'))
  return { ended, events, send: (content) => socket.send(JSON.stringify({ content })) }
}

test('the hook shows a person as the agent, and the agent again', async (t) => {
  const chatId = await makeChat()
  const page = createRoot(root)
  t.after(() => page.unmount())
  page.render(createElement(ChatInterface, { apiKey: key, userId: 'user123', chatId }))
  const shown = () => [...root.querySelectorAll('.message:not(.streaming)')].map((element) => element.textContent)
  const shows = (line) => until(line, () => shown().includes(line))
  async function ask(text) {
    type(await until('a connection', () => root.querySelector('input:not([disabled])')), text)
    await until('a button', () => root.querySelector('.input-area button:not([disabled])')).then((b) => b.click())
  }
  await ask('hello')
  await shows('AI:Hello from the model.')
  await join(chatId)
  await ask('Are you a person?')
  await reads(chatId, 'Are you a person?')
  await say(chatId, 'Yes. It comes tomorrow.')
  await shows('AI:Yes. It comes tomorrow.')
  await leave(chatId)
  await ask('recall')
  const told = await until('the bot', () => shown().find((line) => line.startsWith('AI:[[')))
  assert.deepEqual(JSON.parse(told.slice(3)), [
    ['user', 'hello'],
    ['assistant', 'Hello from the model.'],
    ['user', 'Are you a person?'],
    ['assistant', `${BY_ANNA}Yes. It comes tomorrow.`],
    ['user', 'recall'],
  ])
  await until('the end', () => !root.querySelector('.streaming'))
  assert.equal(root.querySelector('.error'), null)
})

test('who writes stands in the metadata, live and in the list', async (t) => {
  const id = await makeChat()
  const { ended, events, send } = await connected(t, id)
  await join(id)
  send('Anybody?')
  await ended('')
  const said = await say(id, 'Me.')
  const told = await ended('Me.')
  assert.deepEqual([told.message_id, told.metadata], [said.id, { operator_name: 'anna' }])
  const { messages } = await (await fetch(`${url}/api/v1/chats/${id}/messages`, { headers })).json()
  assert.deepEqual(
    messages.map((message) => [message.sender_role, message.content, message.metadata.operator_name]),
    [['user', 'Anybody?', undefined], ['assistant', 'Me.', 'anna']],
  )
  assert.ok(!events.some((event) => event.event_type === 'error'))
})

test('the bot asks for a person in its own words', async (t) => {
  const id = await makeChat()
  const { ended, send } = await connected(t, id)
  send('a person')
  assert.equal((await ended('Somebody will come.')).metadata, undefined)
  assert.equal(await handoff(id), 'waiting')
})
