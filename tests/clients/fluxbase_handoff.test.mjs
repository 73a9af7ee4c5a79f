// A person takes over a chat of Fluxbase's: a program as its reference has it, which knows of no people, and one that
// uses what the appliance adds. Environment: URL, WS_URL, TOKEN (of a user), BOT, ADMIN.
import { FluxbaseAIChat } from '../../static/client.js'
import { BY_ANNA, handoff, join, leave, reads, say } from './desk.mjs'
import { cuttable } from './network.mjs'
import assert from 'node:assert/strict'
import test from 'node:test'

const { URL: url, WS_URL: wsUrl, TOKEN: token, BOT: bot } = process.env

/** A connected chat; what its callbacks were told stands in `told`, and `until` waits for a line there. */
async function open(t, { at = wsUrl, ...options } = {}) {
  const told = []
  let wake = () => {}
  const tell = (...line) => {
    told.push(line)
    wake()
  }
  const given = Object.fromEntries(Object.entries(options).map(([name, make]) => [name, make(tell)]))
  const chat = new FluxbaseAIChat({ wsUrl: `${at}/ai/ws`, token, reconnectDelay: 10, ...given })
  t.after(() => chat.disconnect())
  await chat.connect()
  const id = await chat.startChat(bot)
  async function until(...line) {
    const late = setTimeout(() => wake(new Error(`never came: ${line}; came: ${JSON.stringify(told)}`)), 15_000)
    while (!told.some((one) => one.join() === line.join())) {
      const failed = await new Promise((resolve) => (wake = resolve))
      if (failed) throw failed
    }
    clearTimeout(late)
  }
  return { chat, id, told, until }
}

/** The callbacks of Fluxbase's own reference; the words of one answer are one line. */
function published() {
  let words = ''
  return {
    onContent: () => (delta) => (words += delta),
    onDone: (tell) => (usage) => {
      tell(words, usage?.total_tokens > 0)
      words = ''
    },
    onError: (tell) => (error, code) => tell(error, code),
  }
}

async function takenOver(t, at, between = async () => {}) {
  const { chat, id, told, until } = await open(t, { at, ...published() })
  chat.sendMessage(id, 'hello')
  await until('Hello from the model.', true)
  await between(id)
  await join(id)
  chat.sendMessage(id, 'Are you a person?')
  await reads(id, 'Are you a person?')
  await say(id, 'Yes. It comes tomorrow.')
  await until('Yes. It comes tomorrow.', false)
  await leave(id)
  const asked = told.length
  chat.sendMessage(id, 'recall')
  while (told.length === asked) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepEqual(JSON.parse(told.at(-1)[0]), [
    ['user', 'hello'],
    ['assistant', 'Hello from the model.'],
    ['user', 'Are you a person?'],
    ['assistant', `${BY_ANNA}Yes. It comes tomorrow.`],
    ['user', 'recall'],
  ])
}

test('a program that knows of no people reads a person\'s words as an answer', async (t) => {
  await takenOver(t)
})

test('and so it does when its connection was cut and came back', async (t) => {
  const network = await cuttable(url)
  t.after(() => network.close())
  await takenOver(t, network.url.replace('http', 'ws'), async () => network.cut())
})

test('a program that knows of people is told who comes, writes and goes, and may ask for one', async (t) => {
  const { chat, id, told, until } = await open(t, {
    onMessage: (tell) => (name, content, where) => tell('said', name, content, where),
    onHandoff: (tell) => (state, name, where) => tell('handoff', state, name, where),
  })
  assert.equal((await chat.resume(id)).handoff, '')
  chat.handoff(id)
  await until('handoff', 'waiting', '', id)
  assert.equal(await handoff(id), 'waiting')
  chat.handoff(id, false)
  await until('handoff', 'ended', '', id)
  await join(id)
  await until('handoff', 'joined', 'anna', id)
  await say(id, 'Good morning.')
  await until('said', 'anna', 'Good morning.', id)
  const { handoff: state, operatorName } = await chat.resume(id)
  assert.deepEqual([state, operatorName], ['joined', 'anna'])
  await leave(id)
  await until('handoff', 'left', 'anna', id)
})
