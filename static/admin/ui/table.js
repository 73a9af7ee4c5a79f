// @ts-check
/** Lists as tables, which become cards on a narrow screen, and the button for more of them. */
import { h } from '../dom.js'
import { busy } from './pieces.js'

/** @typedef {import('../dom.js').Child} Child */

/**
 * @typedef {object} Column
 * @property {string} key
 * @property {string} label
 * @property {(row: any) => Child | Child[]} [render]   the cell; the value under `key` as text without it
 * @property {boolean} [numeric]
 * @property {string} [class]   of its cells: `grow`, `tight`, `wide-only` (left out below 1,100 px), `spare` (left out
 *     where a table gets narrow, but not on cards)
 */

/**
 * @param {object} what
 * @param {Column[]} what.columns
 * @param {any[]} what.rows
 * @param {(row: any) => void} [what.onRow]    a click on a row; its first cell becomes a button
 * @param {(row: any) => string} [what.href]   or where a row leads; its first cell becomes a link
 * @param {Child} [what.empty]                 what stands there when there is no row
 * @param {string} [what.label]                what the table is, for a screen reader
 * @param {(row: any) => string} [what.rowClass]
 * @param {string} [what.class]                of the table
 * @returns {HTMLElement}
 */
export function dataTable({ columns, rows, onRow, href, empty, label, rowClass, class: own = '' }) {
  if (!rows.length && empty) return h('div', { class: 'table-empty' }, empty)
  // The roles are told, as a table that is laid out as cards has none for some readers.
  return h(
    'div',
    { class: 'table-frame', role: 'region', tabindex: 0, 'aria-label': label ?? 'Table' },
    h(
      'table',
      { class: `data ${own}`, role: 'table' },
      h(
        'thead',
        { role: 'rowgroup' },
        h(
          'tr',
          { role: 'row' },
          columns.map((column) =>
            h(
              'th',
              { role: 'columnheader', scope: 'col', class: classes(column) },
              column.label || h('span', { class: 'unseen' }, 'Actions'),
            ),
          ),
        ),
      ),
      h(
        'tbody',
        { role: 'rowgroup' },
        rows.map((row) => line(columns, row, onRow, href, rowClass?.(row))),
      ),
    ),
  )
}

/** @param {Column} column */
const classes = ({ numeric, class: own }) => [numeric && 'numeric', own].filter(Boolean).join(' ') || null

/** @param {Column[]} columns @param {any} row @param {((row: any) => void) | undefined} onRow @param {((row: any) => string) | undefined} href @param {string} [rowClass] */
function line(columns, row, onRow, href, rowClass) {
  const goes = Boolean(onRow || href)
  const cells = columns.map((column, at) => {
    const content = column.render ? column.render(row) : text(row[column.key])
    return h(
      'td',
      { role: 'cell', class: classes(column), data: { label: column.label } },
      at === 0 && goes ? opener(row, content, onRow, href) : content,
    )
  })
  const click = (/** @type {MouseEvent} */ event) => {
    const inside = /** @type {Element} */ (event.target).closest('a, button, input, select, label, summary')
    if (!inside && !getSelection()?.toString())
      /** @type {HTMLElement | null} */ (made.querySelector('.opener'))?.click()
  }
  const made = h(
    'tr',
    {
      role: 'row',
      class: [goes && 'goes', rowClass].filter(Boolean).join(' ') || null,
      on: goes ? { click } : {},
    },
    cells,
  )
  return made
}

/** @param {any} row @param {Child | Child[]} content @param {((row: any) => void) | undefined} onRow @param {((row: any) => string) | undefined} href */
function opener(row, content, onRow, href) {
  if (href) return h('a', { class: 'opener', href: href(row) }, content)
  return h('button', { type: 'button', class: 'opener', on: { click: () => onRow?.(row) } }, content)
}

/** @param {unknown} value */
function text(value) {
  if (value === null || value === undefined || value === '') return h('span', { class: 'faint' }, '–')
  if (typeof value === 'number') return value.toLocaleString()
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/**
 * Below a list: how many are shown, and a button for the next ones.
 * @param {{shown: number, total?: number | null, next?: string | null, onMore?: () => Promise<unknown>}} what
 */
export function pager({ shown, total, next, onMore }) {
  const words =
    total === null || total === undefined
      ? `${shown.toLocaleString()} shown`
      : `${shown.toLocaleString()} of ${total.toLocaleString()}`
  const more =
    next && onMore
      ? h(
          'button',
          { type: 'button', class: 'button', on: { click: () => busy(more, onMore()) } },
          'Show more',
        )
      : null
  return h('div', { class: 'pager' }, h('span', { class: 'faint', role: 'status' }, words), more)
}
