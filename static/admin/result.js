// @ts-check
/** Rows of a query as the person who asked sees them: by the types of their columns, and drawn where a bot said so. */
import { h } from './dom.js'
import { number } from './ui.js'
import { chart } from '../widget/chart.js'
import { charted } from '../widget/suits.js'
import { formatter, guessType, isMissing, isNumeric } from '../widget/values.js'

const ROWS_MAX = 100
/** What a formatter or a drawing says in words. @type {Record<string, string>} */
const WORDS = {
  yes: 'yes',
  no: 'no',
  bytes: '{n} bytes',
  bar_chart: 'Bar chart of {n} values.',
  line_chart: 'Line chart of {n} points.',
  chart_range: '{name}: from {low} to {high}.',
}

/** @typedef {import('../widget/table.js').Column} Column */

/**
 * @typedef {object} Result
 * @property {string[]} columns
 * @property {string[]} [types]
 * @property {any[]} rows       each a list, or an object by the names of the columns
 * @property {number} count     of all rows there are
 * @property {string} [chart]   bar, line
 * @property {string} [summary]
 */

/** The table, and the picture of the rows where they suit one. @param {Result} result */
export function resultNode(result) {
  const { columns: names, types = [], count } = result
  const all = result.rows.map((row) =>
    Array.isArray(row) ? Object.fromEntries(names.map((name, at) => [name, row[at]])) : row,
  )
  const columns = names.map((name, at) => {
    const type = types[at] ?? guessType(all.map((row) => row[name]))
    return { name, type, format: formatter(type, name, undefined, say) }
  })
  return { table: tableOf(columns, all.slice(0, ROWS_MAX), count), picture: pictureOf(columns, all, result) }
}

/** @param {Column[]} columns @param {any[]} rows @param {number} count */
function tableOf(columns, rows, count) {
  const kind = (/** @type {Column} */ { type }) => (isNumeric(type) ? 'numeric' : null)
  const head = columns.map((one) => h('th', { scope: 'col', class: kind(one) }, h('bdi', null, one.name)))
  const lines = rows.map((row) =>
    h(
      'tr',
      null,
      columns.map((one) => h('td', { class: kind(one) }, cell(row[one.name], one))),
    ),
  )
  return h(
    'div',
    { class: 'stack tight-stack' },
    h(
      'div',
      { class: 'table-frame rows', role: 'region', tabindex: 0, 'aria-label': 'Rows' },
      h('table', null, h('thead', null, h('tr', null, head)), h('tbody', null, lines)),
    ),
    count > rows.length &&
      h('p', { class: 'faint small' }, `The first ${number(rows.length)} of ${number(count)} rows.`),
  )
}

/** @param {unknown} value @param {Column} column */
function cell(value, { format }) {
  return isMissing(value) ? h('span', { class: 'null' }, 'null') : h('bdi', null, format(value))
}

/** @param {Column[]} columns @param {any[]} rows @param {Result} result @returns {HTMLElement | null} */
function pictureOf(columns, rows, { chart: kind = '', summary = '' }) {
  const series = charted(columns, rows)
  if (!series) return null
  const hooks = /** @type {any} */ ({ t: say, locale: undefined })
  return h(
    'figure',
    { class: 'picture' },
    chart({ data: rows, columns, ...series, kind, title: summary }, hooks),
  )
}

/** @param {string} key @param {Record<string, string | number>} [values] */
function say(key, values = {}) {
  return (WORDS[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name] ?? whole
    return typeof value === 'number' ? number(value) : value
  })
}
