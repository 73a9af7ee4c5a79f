// @ts-check
/** The bots that answer from a knowledge base, and by whose word. */
import { get } from './api.js'
import { h } from './dom.js'
import { listed, load } from './load.js'
import { pageUrl } from './route.js'
import { badge, dataTable, emptyState } from './ui.js'

/** @param {HTMLElement} panel @param {any} base */
export function baseBots(panel, base) {
  return load(
    panel,
    () => get(`knowledge-bases/${encodeURIComponent(base.id)}/chatbots`),
    (found) => {
      const empty = emptyState({
        icon: 'bots',
        title: 'No bot answers from it yet',
        text: ['Name it in a bot’s file: ', h('code', null, `knowledge-base: ${base.name}`), '.'],
        action: h('a', { class: 'button', href: pageUrl('bots') }, 'To the bots'),
      })
      return dataTable({
        label: 'Bots',
        rows: listed(found),
        href: (one) => pageUrl('bots', one.chatbot_id),
        empty,
        columns: [
          {
            key: 'chatbot_name',
            label: 'Bot',
            class: 'grow',
            render: (one) => [
              h('strong', null, one.chatbot_name ?? one.name),
              one.description && h('span', { class: 'faint below' }, one.description),
            ],
          },
          { key: 'max_chunks', label: 'Passages at most', numeric: true },
          {
            key: 'similarity_threshold',
            label: 'Nearest at least',
            render: (one) =>
              one.similarity_threshold === null ? 'the model’s own' : String(one.similarity_threshold),
          },
          {
            key: 'origin',
            label: 'Linked by',
            render: (one) =>
              ({ annotation: 'the bot’s file', folder: 'the folder beside it', api: 'an administrator' })[
                /** @type {'api'} */ (one.origin)
              ] ?? one.origin,
          },
          {
            key: 'enabled',
            label: 'State',
            render: (one) => (one.enabled ? badge('on', 'good') : badge('off')),
          },
        ],
      })
    },
  )
}
