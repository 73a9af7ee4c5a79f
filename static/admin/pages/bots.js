// @ts-check
/** All bots: which are well, which are not and why, and how much they were used today. */
import { again } from '../again.js'
import { get } from '../api.js'
import { newBot } from '../bot_new.js'
import { nameCell } from '../bot_names.js'
import { fill, h } from '../dom.js'
import { icon } from '../icons.js'
import { counted, listed, load } from '../load.js'
import { pageUrl } from '../route.js'
import { badge, dataTable, emptyState, number, pageHead } from '../ui.js'

const LEAD =
  'Bots are written here, are files in the bots folder, or come over the API. A saved file is served at once.'

/** Files change without a word to us. */
const LOOK_MS = 3000

export const page = {
  path: 'bots',
  title: 'Bots',
  role: 'admin',
  /** @param {HTMLElement} root @param {any} context */
  async show(root, context) {
    if (context.params.length) return (await import('./bot.js')).show(root, context)
    const list = h('div')
    root.replaceChildren(pageHead('Bots', { lead: LEAD, actions: [addButton(context)] }), list)
    let shown = ''
    const draw = (/** @type {any} */ body) => {
      shown = JSON.stringify(body)
      return table(listed(body), context)
    }
    await load(list, () => get('bots', {}, context.signal), draw)
    const look = async () => {
      const body = await get('bots', {}, context.signal)
      if (JSON.stringify(body) === shown) return
      const at = list.contains(document.activeElement) && document.activeElement?.getAttribute('href')
      fill(list, draw(body))
      if (at) /** @type {HTMLElement | null} */ (list.querySelector(`a[href="${CSS.escape(at)}"]`))?.focus()
    }
    again(LOOK_MS, look, context.signal)
    return undefined
  },
}

/** @param {any} context */
function addButton({ navigate }) {
  const add = async () => {
    const made = await newBot()
    if (made) navigate('bots', made.id)
  }
  return h('button', { type: 'button', class: 'button primary', on: { click: add } }, icon('plus'), 'New bot')
}

/** @param {any[]} bots @param {any} context */
function table(bots, context) {
  return dataTable({
    label: 'Bots',
    rows: bots,
    href: (bot) => pageUrl('bots', bot.id),
    empty: emptyState({
      icon: 'bots',
      title: 'No bots yet',
      text: [
        'Make one here, or write ',
        h('code', null, 'bots/support/bot.md'),
        ' in your data folder: a few lines of settings, then the prompt.',
      ],
      action: addButton(context),
    }),
    columns: [
      {
        key: 'title',
        label: 'Bot',
        class: 'grow',
        render: nameCell,
      },
      { key: 'enabled', label: 'State', render: (bot) => h('div', { class: 'badges' }, badges(bot)) },
      {
        key: 'model',
        label: 'Model',
        render: (bot) =>
          h(
            'div',
            null,
            bot.model || '–',
            bot.provider !== bot.model && h('span', { class: 'faint below' }, bot.provider),
          ),
      },
      {
        key: 'messages_today',
        label: 'Answers today',
        numeric: true,
        render: (bot) => number(bot.messages_today),
      },
      {
        key: 'tokens_today',
        label: 'Tokens today',
        numeric: true,
        render: (bot) => number(bot.tokens_today, { short: true }),
      },
      { key: 'source', label: 'From', class: 'wide-only', render: (bot) => sourceOf(bot) },
      { key: 'version', label: 'Version', numeric: true, class: 'wide-only' },
    ],
  })
}

/** What a bot is made of. @param {any} bot */
export function sourceOf({ source }) {
  return { filesystem: 'a file', api: 'this console', sdk: 'the API' }[/** @type {'api'} */ (source)] ?? source
}

/** @param {any} bot */
export function badges(bot) {
  return [
    bot.enabled ? badge('on', 'good') : badge('off'),
    bot.errors.length > 0 && badge(counted(bot.errors.length, 'error'), 'bad'),
    bot.warnings.length > 0 && badge(counted(bot.warnings.length, 'warning'), 'warn'),
  ]
}
