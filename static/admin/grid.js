// @ts-check
/**
 * Rows of a query as a table. A thousand of them come in slices, so that the page never stands still: the first
 * slice says how wide the columns are, and from then on they stay, which makes each further row cheap.
 */
import { h } from './dom.js'

/** @typedef {{columns: string[], types?: string[], rows: unknown[]}} Result */

const SLICE = 100
const CELL_CHARS = 200
const WIDTH_MAX_PX = 420

/** @param {Result} result @param {(row: unknown[], number: number) => void} onRow  somebody wants to see one row whole */
export function grid({ columns, types = [], rows }, onRow) {
  const values = rows.map((row) => valuesOf(row, columns))
  const numeric = columns.map((_, at) => isNumeric(types[at] ?? '', values, at))
  const body = h('tbody')
  const heads = columns.map((name, at) => {
    const button = h('button', { type: 'button', on: { click: () => sortBy(at) } }, name || '(no name)')
    return h('th', { scope: 'col', class: numeric[at] ? 'numeric' : '', title: types[at] || null }, button)
  })
  const table = h(
    'table',
    { class: 'grid' },
    h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, '#'), heads)),
    body,
  )
  const frame = h(
    'div',
    { class: 'grid-frame', tabindex: '0', role: 'region', 'aria-label': 'Rows of the result' },
    table,
  )
  let order = values.map((_, at) => at)
  let filling = 0

  function line(/** @type {number} */ at) {
    const open = h(
      'button',
      {
        type: 'button',
        'aria-label': `Show row ${at + 1} whole`,
        on: { click: () => onRow(values[at], at + 1) },
      },
      String(at + 1),
    )
    return h(
      'tr',
      {},
      h('th', { scope: 'row' }, open),
      values[at].map((value, column) => cell(value, numeric[column])),
    )
  }

  function fill() {
    const turn = ++filling
    body.replaceChildren(...order.slice(0, SLICE).map(line))
    let from = SLICE
    const more = () => {
      if (turn !== filling || from >= order.length) return
      if (frame.isConnected) fixWidths(table)
      body.append(...order.slice(from, from + SLICE).map(line))
      from += SLICE
      requestAnimationFrame(more)
    }
    requestAnimationFrame(more)
  }

  function sortBy(/** @type {number} */ at) {
    const down = heads[at].getAttribute('aria-sort') === 'ascending'
    heads.forEach((head) => head.removeAttribute('aria-sort'))
    heads[at].setAttribute('aria-sort', down ? 'descending' : 'ascending')
    order.sort((one, other) => compare(values[one][at], values[other][at]) || one - other)
    if (down) order.reverse()
    fill()
  }

  fill()
  return frame
}

/** A row as values in the order of the columns: rows come as lists, or as objects by name. @param {unknown} row @param {string[]} columns */
function valuesOf(row, columns) {
  return Array.isArray(row) ? row : columns.map((name) => /** @type {Record<string, unknown>} */ (row)[name])
}

/** @param {string} type @param {unknown[][]} rows @param {number} at */
function isNumeric(type, rows, at) {
  if (/int|real|num|dec|float|double/i.test(type)) return true
  return rows.length > 0 && rows.every((row) => row[at] == null || typeof row[at] === 'number')
}

/** @param {unknown} value @param {boolean} numeric */
function cell(value, numeric) {
  if (value === null || value === undefined) return h('td', { class: 'null' }, 'NULL')
  const text = inWords(value)
  const shown = text.length > CELL_CHARS ? `${text.slice(0, CELL_CHARS)}…` : text
  return h('td', { class: numeric ? 'numeric' : '' }, shown)
}

/** A value as text. @param {unknown} value */
export function inWords(value) {
  if (value === null || value === undefined) return 'NULL'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Columns keep the width that they have, up to a bound. @param {HTMLElement} table */
function fixWidths(table) {
  if (table.classList.contains('fixed')) return
  const heads = [.../** @type {NodeListOf<HTMLElement>} */ (table.querySelectorAll('thead th'))]
  const widths = heads.map((head) => Math.min(Math.ceil(head.getBoundingClientRect().width), WIDTH_MAX_PX))
  heads.forEach((head, at) => head.style.setProperty('inline-size', `${widths[at]}px`))
  table.style.setProperty('inline-size', `${widths.reduce((sum, width) => sum + width, 0)}px`)
  table.classList.add('fixed')
}

/** Numbers by size and before texts, NULL first. @param {unknown} one @param {unknown} other */
function compare(one, other) {
  const ranks = [one, other].map((value) => (value == null ? 0 : typeof value === 'number' ? 1 : 2))
  if (ranks[0] !== ranks[1]) return ranks[0] - ranks[1]
  if (ranks[0] === 1) return Number(one) - Number(other)
  return ranks[0] === 2 ? inWords(one).localeCompare(inWords(other)) : 0
}
