// Changes of data with `static/client.js` under Node, against a true server behind a network.
// Environment: CHAT_URL, SERVER_URL, TOKEN. What the bot proposes stands in tests/support/change_stage.py.
import assert from 'node:assert/strict'
import test from 'node:test'
import { AIChat } from '../../static/client.js'

const { CHAT_URL: wsUrl, SERVER_URL: url, TOKEN: token } = process.env

/** A connected chat whose bot has proposed what `question` asks for. */
async function propose(t, question, options = {}) {
  const events = []
  const waiting = []
  const onEvent = (event) => {
    events.push(event)
    for (const one of waiting) if (one.accepts(event)) one.resolve(event)
  }
  const next = (accepts) => new Promise((resolve) => waiting.push({ accepts, resolve }))
  const chat = new AIChat({ wsUrl, token, reconnectDelay: 10, onEvent, ...options })
  t.after(() => chat.disconnect())
  await chat.connect()
  const id = await chat.startChat('shop')
  const done = next(({ type }) => type === 'done')
  chat.sendMessage(id, question)
  await done
  const { change } = events.find((event) => event.change)
  return { chat, id, change, events, next }
}

const isChange = (status) => (event) => event.change?.status === status
const isError = (code) => (event) => event.type === 'error' && event.code === code

test('a change is proposed, confirmed once and told in every way', async (t) => {
  const calls = []
  const { chat, id, change, next } = await propose(t, 'pay', {
    onChange: (one, summary, where) => calls.push(['change', one.status, one.id, summary.split(':')[0], where]),
    onQueryResult: (query, summary, rowCount) => calls.push(['query', rowCount]),
  })
  assert.deepEqual([change.operation, change.table, change.rows.length], ['UPDATE', 'orders', 2])
  assert.deepEqual([change.rows[0].before.status, change.rows[0].after.status], ['new', 'paid'])
  assert.ok(Date.parse(change.expiresAt) > Date.now())
  const applied = next(isChange('applied'))
  const said = next(({ type }) => type === 'user_message')
  const messageId = chat.confirm(id, change.id, true)
  chat.confirm(id, change.id, true, messageId) // the same word
  await applied
  assert.deepEqual([(await said).clientMessageId, (await said).content], [messageId, 'Confirmed: change 2 rows of orders'])
  assert.deepEqual(calls, [
    ['query', 0],
    ['change', 'proposed', change.id, 'Proposed', id],
    ['query', 2],
    ['change', 'applied', change.id, 'Done', id],
  ])
  const refused = next(isError('CHANGE_DECIDED'))
  const late = chat.confirm(id, change.id, false)
  assert.equal((await refused).clientMessageId, late)
})

test('a declined change is told, an unknown one refused', async (t) => {
  const { chat, id, change, next } = await propose(t, 'delete')
  const declined = next(isChange('declined'))
  chat.confirm(id, change.id, false)
  assert.equal((await declined).change.id, change.id)
  const refused = next(isError('CHANGE_NOT_FOUND'))
  chat.confirm(id, 'made up', true)
  await refused
})

test('a decision goes out again when the connection broke under it', async (t) => {
  const { chat, id, change, events, next } = await propose(t, 'add')
  const back = next(({ type }) => type === 'connected')
  const applied = next(isChange('applied'))
  chat.socket.close() // as if the network did it
  chat.confirm(id, change.id, true)
  await back
  await applied
  assert.equal(events.filter(isChange('applied')).length, 1)
})

test('a result names its types and the file with all rows', async (t) => {
  const { chat, id, events, next } = await propose(t, 'delete')
  const done = next((event) => event.type === 'done')
  chat.sendMessage(id, 'list')
  await done
  const { types, resultId } = events.find((event) => event.columns?.includes('price'))
  assert.deepEqual(types, ['integer', 'date', 'datetime', 'integer', 'number', 'decimal', 'boolean', 'blob', 'text'])
  const headers = { Authorization: `Bearer ${token}` }
  const csv = await (await fetch(`${url}/api/v1/ai/results/${resultId}?format=csv`, { headers })).text()
  assert.match(csv.split('\r\n')[1], /^1001,2026-01-31,/)
})
