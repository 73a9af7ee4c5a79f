// @ts-check
/** Trying a bot as anybody: choose the bot and whom to be, then talk to it as on a page. */
import { get, post } from '../api.js'
import { labelOf } from '../bot_names.js'
import { fill, h } from '../dom.js'
import { pageUrl } from '../route.js'
import {
  busy,
  card,
  emptyState,
  field,
  fieldError,
  formErrors,
  pageHead,
  problem,
  valuesOf,
  when,
} from '../ui.js'

/** @type {import('../pages.js').Page} */
export const page = {
  path: 'playground',
  title: 'Playground',
  async show(root, { query, signal, setQuery }) {
    const { items } = await get('bots', {}, signal)
    root.append(
      pageHead('Playground', {
        lead: 'Talk to a bot as somebody else: what they may see is what you see. Each start stands in the audit log.',
      }),
    )
    if (!items.length) {
      return void root.append(
        emptyState({
          icon: 'bots',
          title: 'There is no bot yet.',
          text: 'Put a bot file into the folder of bots; it is there at once.',
          action: h('a', { class: 'button', href: pageUrl('bots') }, 'See the bots'),
        }),
      )
    }
    const place = h(
      'div',
      { class: 'stage' },
      emptyState({
        icon: 'playground',
        title: 'Nothing is running.',
        text: 'Choose a bot and whom to be, then start.',
      }),
    )
    root.append(
      h(
        'div',
        { class: 'playground' },
        form(items, query, place, setQuery),
        h('section', { class: 'card stage-card', 'aria-label': 'Chat' }, place),
      ),
    )
  },
}

/** @param {any[]} bots @param {Record<string, string>} begin @param {Element} place @param {(query: any) => void} setQuery */
function form(bots, begin, place, setQuery) {
  const chosen = begin.bot
  const known = bots.find((bot) => bot.id === chosen || bot.name === chosen) ?? bots[0]
  const note = h('div', { class: 'dialog-error' })
  const button = h('button', { type: 'submit', class: 'button primary' }, 'Start')
  const claims = field({
    label: 'Claims',
    name: 'claims',
    type: 'textarea',
    code: true,
    hint: 'A JSON object, as a login service would tell it.',
    attributes: { rows: 3, placeholder: '{"tenant": "acme"}', spellcheck: 'false' },
  })
  const send = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault()
    fill(note)
    if (!formErrors(whole)) return
    const values = valuesOf(whole)
    const told = parsed(values.claims)
    fieldError(claims, told === undefined ? 'This is no JSON object, such as {"tenant": "acme"}.' : '')
    if (told === undefined) return claims.querySelector('textarea')?.focus()
    const body = Object.fromEntries(
      Object.entries({
        bot: values.bot,
        user_id: values.user_id.trim(),
        role: values.role.trim(),
        claims: told,
      }).filter(([, value]) => value),
    )
    setQuery({ bot: values.bot, user: body.user_id, role: body.role })
    try {
      const bot = bots.find(({ id }) => id === values.bot)
      await busy(
        button,
        post('playground', body).then((pass) => start(place, bot, pass)),
      )
    } catch (error) {
      fill(note, problem(error))
    }
  }
  const whole = h(
    'form',
    { class: 'stack', novalidate: true, on: { submit: send } },
    field({
      label: 'Bot',
      name: 'bot',
      type: 'select',
      value: known.id,
      options: bots.map((bot) => ({ value: bot.id, label: labelOf(bot) })),
    }),
    field({
      label: 'User id',
      name: 'user_id',
      value: begin.user,
      hint: 'Whom to be; empty is an anonymous visitor.',
      attributes: { autocomplete: 'off', maxlength: 200 },
    }),
    field({
      label: 'Role',
      name: 'role',
      value: begin.role,
      hint: 'As bots that need a role ask for it.',
      attributes: { autocomplete: 'off', maxlength: 100 },
    }),
    h('details', { class: 'more-filters' }, h('summary', null, 'More'), claims),
    note,
    h('div', null, button),
  )
  return card('Whom to be', {}, whole)
}

/** @param {string} text @returns {Record<string, unknown> | null | undefined} undefined when it is no object */
function parsed(text) {
  if (!text.trim()) return null
  try {
    const found = JSON.parse(text)
    return found && typeof found === 'object' && !Array.isArray(found) ? found : undefined
  } catch {
    return undefined
  }
}

/** The chat as visitors get it. @param {Element} place @param {any} bot @param {{token: string, expires_at: number}} pass */
async function start(place, bot, pass) {
  const { ChatElement } = await import('../../widget/element.js')
  if (!customElements.get('appliance-chat')) customElements.define('appliance-chat', ChatElement)
  const chat = /** @type {any} */ (document.createElement('appliance-chat'))
  chat.setAttribute('bot', bot.name)
  chat.setAttribute('mode', 'inline')
  const { theme } = document.documentElement.dataset
  if (theme) chat.setAttribute('theme', theme)
  chat.identity = { token: pass.token }
  fill(
    place,
    chat,
    h(
      'p',
      { class: 'faint small stage-note' },
      h('bdi', null, labelOf(bot)),
      ', ends ',
      when(pass.expires_at),
      '.',
    ),
  )
}
