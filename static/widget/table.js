// @ts-check
/** A query's rows as a table: sorted by a click on a column's head, copied, saved as CSV, or drawn. */
import { copyText, saveFile, tellOn } from './give.js'
import { button, element } from './nodes.js'
import { chart } from './chart.js'
import { inBlocks } from './rows.js'
import { charted, suited } from './suits.js'
import { formatter, guessType, isMissing, isNumeric, toText } from './values.js'

/** @typedef {Record<string, unknown>} Row */

/**
 * @typedef {object} Column
 * @property {string} name
 * @property {string} type
 * @property {(value: unknown) => string} format
 */

/** Results of as many rows are on the page as a whole. */
const WHOLE_ROWS = 50

/**
 * @param {import('../client.js').ChatEvent & {chart?: string}} result
 * @param {import('./transcript.js').Known} hooks
 * @returns {HTMLElement}
 */
export function resultTable(result, hooks) {
  const { data = [], resultId } = result
  const { t, locale, onSave } = hooks
  const columns = columnsOf(result, hooks)
  const count = howMany(result, data.length, t)
  const told = element('span', '', count)
  /** As they are shown. */
  let shown = data
  const table = element('table')
  const frame = tableFrame(table, t('table'))
  const tell = (/** @type {number} */ first, /** @type {number} */ last) => {
    told.textContent = `${new Intl.NumberFormat(locale).formatRange(first, last)} / ${count}`
  }
  fill(table, frame, columns, data, (sorted) => (shown = sorted), tell)
  const names = columns.map(({ name }) => name)
  const copy = button('quiet', t('copy'), () => copyText(copy, t, toTsv(names, shown)))
  const csv = button('quiet', 'CSV', () => {
    const done =
      resultId && onSave
        ? onSave(resultId)
        : saveFile(new Blob([toCsv(names, shown)], { type: 'text/csv' }), 'result.csv')
    tellOn(csv, done, t('saved'), t('not_saved'))
  })
  csv.title = t('csv_title')
  const buttons = element('span', 'buttons', copy, csv)
  const figure = element('figure', 'result', frame, element('figcaption', '', told, buttons))
  buttons.prepend(chartSwitch(result, columns, figure, frame, hooks))
  return figure
}

/**
 * The button between the table and its picture, which is there at once when it was asked for, or plainly suits all
 * rows. Nothing when the rows make no picture.
 * @param {import('../client.js').ChatEvent & {chart?: string}} result @param {Column[]} columns
 * @param {HTMLElement} figure @param {HTMLElement} frame  the table's @param {import('./transcript.js').Known} hooks
 */
function chartSwitch(result, columns, figure, frame, hooks) {
  const { data = [], rowCount = 0, truncated, summary: title = '', chart: asked = '' } = result
  const clear = truncated || rowCount > data.length ? null : suited(columns, data)
  const series = clear ?? charted(columns, data)
  if (!series) return ''
  const kind = asked || (clear?.kind ?? '')
  /** @type {HTMLElement | undefined} */
  let picture
  const toggle = () => {
    frame.hidden = !frame.hidden
    if (frame.hidden) figure.prepend((picture ??= chart({ data, columns, title, ...series, kind, isTilted: true }, hooks)))
    else picture?.remove()
    node.textContent = hooks.t(frame.hidden ? 'table' : 'as_chart')
  }
  const node = button('quiet', hooks.t('as_chart'), toggle)
  if (kind) toggle()
  return node
}

/** A table in a box that scrolls by itself. @param {HTMLElement} table @param {string} label */
export function tableFrame(table, label) {
  return element('div', frameLook(label), table)
}

/** It scrolls sideways, so the keyboard has to reach it. No landmark: there may be many. @param {string} label */
export function frameLook(label) {
  return { className: 'table-frame', tabIndex: 0, role: 'group', ariaLabel: label }
}

/** @param {import('../client.js').ChatEvent} result @param {import('./transcript.js').Known} hooks @returns {Column[]} */
function columnsOf({ columns, types = [], data = [] }, { locale, t }) {
  const names = columns?.length ? columns : Object.keys(data[0] ?? {})
  return names.map((name, index) => {
    const type = types[index] ?? guessType(data.map((row) => row[name]))
    return { name, type, format: formatter(type, name, locale, t) }
  })
}

/**
 * @param {HTMLElement} table @param {HTMLElement} frame @param {Column[]} columns @param {Row[]} rows
 * @param {(sorted: Row[]) => void} onSort @param {(first: number, last: number) => void} tell  which rows are on the page
 */
function fill(table, frame, columns, rows, onSort, tell) {
  let shown = rows
  const heads = columns.map((column) =>
    headCell(column, (cell) => {
      const order = cell.ariaSort === 'ascending' ? 'descending' : 'ascending'
      for (const head of heads) head.ariaSort = null
      cell.ariaSort = order
      onSort((shown = sortRows(rows, column.name, order, column.type)))
      show()
    }),
  )
  const head = headOf(heads)
  const make = (/** @type {number} */ from, /** @type {number} */ to) =>
    shown.slice(from, to).map((row, index) => tableRow(columns, row, from + index))
  const { length } = rows
  const body = element('tbody')
  let show = () => body.replaceChildren(...make(0, length))
  table.append(head)
  if (length > WHOLE_ROWS) {
    head.append(widest(columns, rows))
    show = inBlocks(frame, table, length, make, tell)
  } else table.append(body)
  table.ariaRowCount = String(length + 1)
  show()
}

/** An unseen line that keeps the columns as wide as they ever get. @param {Column[]} columns @param {Row[]} rows */
function widest(columns, rows) {
  const most = columns.map(({ name }) => [
    name,
    rows.map((row) => row[name]).reduce((one, other) => (toText(other).length > toText(one).length ? other : one)),
  ])
  return tableRow(columns, Object.fromEntries(most), -1)
}

/** @param {HTMLElement[]} cells */
export function headOf(cells) {
  return element('thead', '', element('tr', '', ...cells))
}

/** @param {Column} column @param {(cell: HTMLElement) => void} sort */
function headCell({ name, type }, sort) {
  const className = isNumeric(type) ? 'number' : ''
  const cell = element('th', { scope: 'col', className }, button('', name, () => sort(cell)))
  return cell
}

/** @param {Column[]} columns @param {Row} row @param {number} index */
function tableRow(columns, row, index) {
  const cells = columns.map(({ name, type, format }) => {
    const value = row[name]
    const kind = isNumeric(type) ? 'number' : /^date|blob/.test(type) ? 'whole' : ''
    if (isMissing(value)) return element('td', `null ${kind}`, 'null')
    const cell = element('td', kind, format(value))
    if (cell.textContent !== toText(value) && type !== 'blob') cell.title = toText(value)
    return cell
  })
  return element('tr', { ariaRowIndex: index + 2 }, ...cells)
}

/** @param {import('../client.js').ChatEvent} result @param {number} shown @param {import('./transcript.js').Known['t']} t */
function howMany(result, shown, t) {
  const { rowCount = shown, truncated } = result
  if (truncated) return t('rows_cut', { n: rowCount })
  const rows = t('rows', { n: rowCount })
  return shown < rowCount ? t('rows_shown', { rows, n: shown }) : rows
}

/**
 * Numbers by value, texts by the reader's language, missing values last in both orders.
 * @param {Row[]} rows @param {string} name @param {string} order @param {string} [type]
 */
export function sortRows(rows, name, order, type = '') {
  const collator = new Intl.Collator(undefined, { numeric: true })
  const sign = order === 'descending' ? -1 : 1
  return [...rows].sort((left, right) => {
    const [a, b] = [left[name], right[name]]
    if (isMissing(a) || isMissing(b)) return Number(isMissing(a)) - Number(isMissing(b))
    const [one, other] = [toText(a), toText(b)]
    const areNumbers = isNumeric(type) || (typeof a === 'number' && typeof b === 'number')
    if (!areNumbers) return sign * collator.compare(one, other)
    // Integers of any size come as text: those that are one number to JavaScript differ in their last digits.
    const side = Number(one) < 0 ? -1 : 1
    return sign * (Number(one) - Number(other) || side * collator.compare(one, other))
  })
}

/** @param {string[]} names @param {Row[]} rows @param {(value: unknown) => string} field @param {string} gap @param {string} end */
function toLines(names, rows, field, gap, end) {
  const lines = [names, ...rows.map((row) => names.map((name) => row[name] ?? ''))]
  return lines.map((values) => values.map(field).join(gap)).join(end)
}

/**
 * RFC 4180. A text that a spreadsheet would run as a formula gets an apostrophe in front.
 * @param {string[]} names @param {Row[]} rows
 */
export function toCsv(names, rows) {
  return toLines(names, rows, csvField, ',', '\r\n') + '\r\n'
}

/** @param {unknown} value */
function harmless(value) {
  const text = toText(value)
  const risky = typeof value === 'string' && /^[=+\-@\t\r\n＝＋－＠]/.test(text) && Number.isNaN(Number(text))
  return risky ? `'${text}` : text
}

/** @param {unknown} value */
function csvField(value) {
  const text = harmless(value)
  return /[",;\t\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** For a spreadsheet that it is pasted into. @param {string[]} names @param {Row[]} rows */
export function toTsv(names, rows) {
  return toLines(names, rows, (value) => harmless(value).replace(/[\t\r\n]+/g, ' '), '\t', '\n')
}
