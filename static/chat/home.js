// @ts-check
/** The landing page: the public bots, each with a link to its chat, one of them live, and the line that embeds it. */
import { ChatElement } from '../widget/element.js'
import { element } from '../widget/nodes.js'

/** @typedef {{name: string, namespace?: string, title?: string, description?: string}} Bot */

const BASE = new URL('../../', import.meta.url)
/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id)

/** @param {Bot} bot */
function card({ name, title, description }) {
  const link = element('a')
  link.setAttribute('href', new URL(`chat/${encodeURIComponent(name)}`, BASE).href)
  const [heading, words] = [element('strong', '', title || name), element('span', '', description ?? '')]
  heading.dir = words.dir = 'auto'
  link.append(heading, words)
  const item = element('li')
  item.append(link)
  return item
}

/** @type {ChatElement | null} */
let live = null

/** @param {string} bot */
function embed(bot) {
  const name = bot.replaceAll('&', '&amp;').replaceAll('"', '&quot;')
  byId('line').textContent =
    `<script src="${new URL('widget.js', BASE).href}" data-bot="${name}" defer></script>`
  live?.destroy()
  live = new ChatElement()
  live.setAttribute('bot', bot)
  document.body.append(live)
}

async function copy() {
  const button = byId('copy')
  try {
    await navigator.clipboard.writeText(byId('line').textContent)
    button.textContent = 'Copied'
  } catch {
    getSelection()?.selectAllChildren(byId('line')) // no clipboard on plain http from another host
  }
  setTimeout(() => (button.textContent = 'Copy'), 1500)
}

/** The first that answers strangers: a live one should say something. @param {Bot[]} bots @returns {Promise<string>} */
async function firstOpen(bots) {
  for (const { name } of bots) {
    const answer = await fetch(new URL(`api/v1/widget/bots/${encodeURIComponent(name)}`, BASE))
    if (answer.ok && (await answer.json()).identity !== 'required') return name
  }
  return bots[0].name
}

/** @param {Bot[]} bots */
async function show(bots) {
  byId('bots').append(...bots.map(card))
  byId('lead').textContent = bots.length ? 'Each bot answers from its own data.' : 'No public bots here yet.'
  if (!bots.length) return
  const choice = byId('bot')
  choice.append(...bots.map(({ name, title }) => new Option(title && title !== name ? `${title} (${name})` : name, name)))
  choice.addEventListener('change', () => embed(choice.value))
  byId('copy').addEventListener('click', copy)
  byId('embed').hidden = false
  choice.value = await firstOpen(bots)
  embed(choice.value)
}

try {
  const { chatbots } = await (await fetch(new URL('api/v1/ai/chatbots', BASE))).json()
  await show(chatbots)
} catch (error) {
  console.error(error)
  byId('lead').textContent = 'The list of bots could not be read. Reload the page to try again.'
}
