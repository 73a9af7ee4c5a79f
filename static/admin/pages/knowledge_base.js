// @ts-check
/** One knowledge base: its documents with their state, uploads, a search to try it, settings, and its bots. */
import { get } from '../api.js'
import { baseBots } from '../base_bots.js'
import { BaseDocuments } from '../base_documents.js'
import { baseFigures } from '../base_figures.js'
import { baseSettings } from '../base_settings.js'
import { fill, h } from '../dom.js'
import { load } from '../load.js'
import { pageUrl } from '../route.js'
import { searchTest } from '../search_test.js'
import { badge, pageHead, tabs } from '../ui.js'

/** @param {HTMLElement} root @param {any} context */
export async function show(root, { params, query, navigate, setQuery }) {
  const id = params[0]
  const back = { href: pageUrl('knowledge'), label: 'Knowledge' }
  fill(root, pageHead('Knowledge base', { back }))
  /** @type {BaseDocuments | undefined} */
  let documents
  const box = h('div', { class: 'stack' })
  root.append(box)
  await load(
    box,
    () => get(`knowledge-bases/${encodeURIComponent(id)}`),
    (base) => {
      root.firstElementChild?.replaceWith(
        pageHead(base.name, {
          back,
          lead: base.description,
          actions: [base.enabled ? badge('on', 'good') : badge('off')],
        }),
      )
      documents = new BaseDocuments(base)
      return body(base, documents, query, navigate, setQuery)
    },
  )
  return () => documents?.stop()
}

/** @param {any} base @param {BaseDocuments} documents @param {any} query @param {any} navigate @param {any} setQuery */
function body(base, documents, query, navigate, setQuery) {
  /** Where somebody is, and what they looked for, is in the address. */
  const place = { tab: query.tab, ask: query.ask }
  const keep = (/** @type {any} */ more) => setQuery(Object.assign(place, more))
  const figures = h('div', { class: 'figures' }, baseFigures(base))
  documents.onCounts = async () => {
    const now = await get(`knowledge-bases/${encodeURIComponent(base.id)}`).catch(() => null)
    if (now) fill(figures, baseFigures(Object.assign(base, now)))
  }
  return [
    figures,
    tabs(
      [
        { id: 'documents', label: 'Documents', show: (panel) => documents.show(panel) },
        {
          id: 'search',
          label: 'Search test',
          show: (panel) => fill(panel, searchTest(base, query.ask, (ask) => keep({ ask }))),
        },
        { id: 'bots', label: 'Bots', show: (panel) => baseBots(panel, base) },
        { id: 'settings', label: 'Settings', show: (panel) => fill(panel, baseSettings(base, navigate)) },
      ],
      {
        active: query.tab,
        label: 'Knowledge base',
        onChange: (tab) => keep({ tab: tab === 'documents' ? null : tab }),
      },
    ),
  ]
}
