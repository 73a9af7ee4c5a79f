// @ts-check
/** The variables that the appliance was started with, and what holds where none was set. */
import { get } from './api.js'
import { fill, h } from './dom.js'
import { load } from './load.js'
import { badge, dataTable, emptyState } from './ui.js'

/** @param {HTMLElement} panel */
export function environment(panel) {
  const search = h('input', {
    type: 'search',
    'aria-label': 'Search the environment',
    placeholder: 'Search',
    on: { input: () => show() },
  })
  const only = h('input', { type: 'checkbox', id: 'only-set', on: { change: () => show() } })
  const list = h('div')
  /** @type {any[]} */
  let all = []
  const show = () => {
    const words = search.value.trim().toLowerCase()
    const rows = all.filter((one) => (!only.checked || one.set) && one.name.toLowerCase().includes(words))
    fill(list, table(rows))
  }
  return load(
    panel,
    () => get('settings'),
    (body) => {
      all = body.environment
      show()
      return [
        h(
          'p',
          { class: 'faint' },
          'Set by variables when the appliance is started. They cannot be changed here.',
        ),
        h(
          'div',
          { class: 'filters' },
          h('div', { class: 'search' }, search),
          h('label', { class: 'row', for: 'only-set' }, only, 'Only what was set'),
        ),
        list,
      ]
    },
  )
}

/** @param {any[]} rows */
function table(rows) {
  return dataTable({
    label: 'Environment',
    rows,
    empty: emptyState({
      title: 'Nothing fits',
      text: 'Search for something else, or show those that were not set, too.',
    }),
    columns: [
      { key: 'name', label: 'Variable', class: 'grow', render: (one) => h('code', null, one.name) },
      { key: 'value', label: 'Value', render: (one) => h('code', { dir: 'auto' }, shown(one.value)) },
      {
        key: 'default',
        label: 'Default',
        class: 'wide-only',
        render: (one) => h('code', { class: 'faint' }, shown(one.default)),
      },
      { key: 'set', label: 'From', render: (one) => (one.set ? badge('set', 'info') : badge('default')) },
    ],
  })
}

/** @param {unknown} value */
function shown(value) {
  return value === null || value === undefined || value === '' ? '(empty)' : String(value)
}
