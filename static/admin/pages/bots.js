// @ts-check
/** All bots: which are well, which are not and why, and how much they were used today. */
import { get } from '../api.js'
import { nameCell } from '../bot_names.js'
import { h } from '../dom.js'
import { counted, listed, load } from '../load.js'
import { pageUrl } from '../route.js'
import { badge, dataTable, emptyState, number, pageHead } from '../ui.js'

const LEAD =
  'Bots are files in the bots folder, or come over the API. Saving a file is enough: the new version is served at once.'

export const page = {
  path: 'bots',
  title: 'Bots',
  role: 'admin',
  /** @param {HTMLElement} root @param {any} context */
  async show(root, context) {
    if (context.params.length) return (await import('./bot.js')).show(root, context)
    const list = h('div')
    root.replaceChildren(pageHead('Bots', { lead: LEAD }), list)
    await load(
      list,
      () => get('bots'),
      (body) => table(listed(body)),
    )
    return undefined
  },
}

/** @param {any[]} bots */
function table(bots) {
  return dataTable({
    label: 'Bots',
    rows: bots,
    href: (bot) => pageUrl('bots', bot.id),
    empty: emptyState({
      icon: 'bots',
      title: 'No bots yet',
      text: [
        'Write ',
        h('code', null, 'bots/support/bot.md'),
        ' in your data folder: a few lines of settings, then the prompt.',
      ],
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
  return { filesystem: 'a file', api: 'the API' }[/** @type {'api'} */ (source)] ?? source
}

/** @param {any} bot */
export function badges(bot) {
  return [
    bot.enabled ? badge('on', 'good') : badge('off'),
    bot.errors.length > 0 && badge(counted(bot.errors.length, 'error'), 'bad'),
    bot.warnings.length > 0 && badge(counted(bot.warnings.length, 'warning'), 'warn'),
  ]
}
