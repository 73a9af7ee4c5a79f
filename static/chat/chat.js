// @ts-check
/** The full-page chat at `/chat/{bot}`: the element of the widget, as large as the page, in the reader's language. */
import { ChatElement } from '../widget/element.js'
import { Memory } from '../widget/memory.js'
import { choose } from '../widget/strings.js'
import { asksToSwitch, nameIn } from './switch.js'

const BOT = decodeURIComponent(location.pathname.replace(/\/+$/, '').split('/').pop() ?? '')
const tab = new Memory('appliance:', 'sessionStorage')
const browser = new Memory('appliance:')

/**
 * `#token=` alone is taken, since it never reaches a server's log. Any token leaves the address bar. Null without
 * one, and when the reader stays who they are.
 */
async function takeToken() {
  const hash = new URLSearchParams(location.hash.slice(1))
  const query = new URLSearchParams(location.search)
  const token = hash.get('token')
  if (token === null && !query.has('token')) return null
  query.delete('token')
  history.replaceState(null, '', location.pathname + (query.size ? `?${query}` : ''))
  if (token === null) return null
  const [name, other] = [nameIn(token), browser.get('person')]
  if (other && other !== name && !(await asksToSwitch(name, other, lang))) return null
  tab.set('token', token)
  browser.set('person', name || null)
  return token
}

const wish = new URLSearchParams(location.search).get('lang')
const { lang } = choose([wish, ...navigator.languages])
document.documentElement.lang = lang
document.title = BOT
const chat = new ChatElement()
const token = (await takeToken()) ?? tab.get('token')
if (token) chat.identity = { token }
chat.setAttribute('bot', BOT)
chat.setAttribute('mode', 'page')
chat.setAttribute('lang', wish ?? navigator.languages.find((one) => one.startsWith(lang)) ?? lang)
chat.on('ready', () => (document.title = chat.heading))
chat.on('error', ({ code }) => {
  if (code !== 'SIGNED_OUT') return
  tab.set('token', null)
  browser.set('person', null)
})
document.body.append(chat)

addEventListener('hashchange', async () => {
  const given = await takeToken()
  if (given !== null) chat.identify({ token: given })
})
