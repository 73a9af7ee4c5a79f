// What an answer cites, by the real clients of the wires that have no test of their own about it.
// Environment: URL, WS_URL, KEY, TOKEN (of a user); the bot is `reader`.
import { FluxbaseAIChat } from '../../static/client.js'
import { heard } from './botpress_tools.mjs'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import test from 'node:test'
import WebSocketOfNpm from 'ws'

const { URL: url, WS_URL: wsUrl, KEY: key, TOKEN: token } = process.env
const QUESTION = 'how many days to return an item'
const SHOWN = 'Yes: “within 30 days of delivery” [1], not.'

/** It is the passage that `[1]` in the answer means. */
function assertCited(sources) {
  assert.deepEqual(sources.map(({ number, title }) => [number, title]), [[1, 'Returns']])
  assert.match(sources[0].content, /within 30 days of delivery/)
}

for (const name of ['@botpress/chat', 'botpress-chat-0.5.1', 'botpress-chat-0.4.7']) {
  test(`${name} has it in the metadata of the message`, async (t) => {
    const { Client } = await import(name)
    const client = await Client.connect({ apiUrl: `${url}/botpress/reader` })
    const { conversation } = await client.createConversation({})
    const listener = await client.listenConversation({ id: conversation.id })
    t.after(() => listener.disconnect())
    const ears = heard(listener)
    await client.createMessage({ conversationId: conversation.id, payload: { type: 'text', text: QUESTION } })
    const answer = await ears.next('message_created', ({ payload }) => payload.text === SHOWN)
    // This build hears of no metadata.
    if (!name.endsWith('0.4.7')) assertCited(answer.metadata.sources)
    const { message } = await client.getMessage({ id: answer.id })
    assertCited(message.metadata.sources)
    assert.deepEqual(ears.of('unknown'), [])
  })
}

test('Lexicon has it in the metadata of the end, and of the stored message', async (t) => {
  const headers = { 'X-API-Key': key, 'Content-Type': 'application/json' }
  const body = JSON.stringify({ user_id: 'user123', metadata: { agent_id: 'reader' } })
  const { id } = await (await fetch(`${url}/api/v1/chats/`, { method: 'POST', headers, body })).json()
  const socket = new WebSocketOfNpm(`${wsUrl}/ws/chat?api_key=${key}&user_id=user123&chat_id=${id}`)
  t.after(() => socket.close())
  await once(socket, 'open')
  const ended = new Promise((resolve) => {
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(data)
      if (event.event_type === 'message_stream_ended') resolve(event)
    }
  })
  socket.send(JSON.stringify({ content: QUESTION }))
  const { content, metadata } = await ended
  assert.equal(content, SHOWN)
  assertCited(metadata.sources)
  const { messages } = await (await fetch(`${url}/api/v1/chats/${id}/messages`, { headers })).json()
  assert.deepEqual(messages.at(-1).metadata.sources, metadata.sources)
})

test('Fluxbase\'s class is told all passages before the answer, by a callback of ours', async (t) => {
  const told = []
  const answered = new Promise((resolve, reject) => {
    const chat = new FluxbaseAIChat({
      wsUrl: `${wsUrl}/ai/ws`,
      token,
      onSources: (sources, where) => told.push(['sources', sources, where]),
      onContent: (delta) => told.push(['content', delta]),
      onDone: () => resolve(chat),
      onError: (error) => reject(new Error(error)),
    })
    t.after(() => chat.disconnect())
    chat.connect().then(async () => chat.sendMessage(await chat.startChat('reader'), QUESTION))
  })
  await answered
  const [[kind, sources, where], ...words] = told
  assert.deepEqual([kind, typeof where], ['sources', 'string'])
  assertCited(sources.slice(0, 1))
  assert.deepEqual(sources.map(({ url }) => url).sort(), ['https://shop.example/returns', undefined])
  assert.equal(words.map(([, delta]) => delta).join(''), SHOWN)
})
