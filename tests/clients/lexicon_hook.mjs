// The published React hook and component, on a page. Environment: WS_URL, KEY, CHAT_ID.
import { root, type, until } from './page.mjs'
import { createElement } from 'react'
import { createRoot } from 'react-dom/client'
import { ChatInterface } from './seeds/lexicon-hook.jsx.mjs'

const chatId = process.env.CHAT_ID
const all = (selector) => [...root.querySelectorAll(selector)].map((element) => element.textContent)

async function say(text, answer) {
  const input = await until('a connection', () => root.querySelector('input:not([disabled])'))
  type(input, text)
  await until('a button', () => root.querySelector('.input-area button:not([disabled])')).then((b) => b.click())
  await until(answer, () => all('.message').includes(`AI:${answer}`))
}

const page = createRoot(root)
page.render(createElement(ChatInterface, { apiKey: process.env.KEY, userId: 'user123', chatId }))
let streamed = false
new window.MutationObserver(() => {
  streamed ||= all('.streaming').some((text) => text.startsWith('AI:One,') && !text.includes('four'))
}).observe(root, { childList: true, subtree: true, characterData: true })
await say('Hi there', 'You said: Hi there')
await say('slow', 'One, two, three, four.')
const shown = all('.message')
const [status] = all('.connection-status')

page.render(createElement(ChatInterface, { apiKey: 'wrong', userId: 'user123', chatId }))
const refused = await until('a refusal', () => all('.error')[0])
page.unmount()
console.log(JSON.stringify({ shown, streamed, status, refused }))
process.exit(0)
