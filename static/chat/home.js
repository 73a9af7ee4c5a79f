// @ts-check
/** The landing page: the public bots, each with a link to its chat. */
import { element } from '../widget/table.js'

const BASE = new URL('../../', import.meta.url)
const lead = /** @type {HTMLElement} */ (document.getElementById('lead'))
const list = /** @type {HTMLElement} */ (document.getElementById('bots'))

/** @param {{name: string, description?: string}} bot */
function card({ name, description }) {
  const link = element('a')
  link.setAttribute('href', new URL(`chat/${encodeURIComponent(name)}`, BASE).href)
  link.append(element('strong', '', name), description ?? '')
  const item = element('li')
  item.append(link)
  return item
}

try {
  const { chatbots } = await (await fetch(new URL('api/v1/ai/chatbots', BASE))).json()
  list.append(...chatbots.map(card))
  lead.textContent = chatbots.length ? 'Each bot answers from its own data.' : 'No public bots here yet.'
} catch (error) {
  console.error(error)
  lead.textContent = 'The list of bots could not be read. Reload the page to try again.'
}
