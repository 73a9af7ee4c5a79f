// @ts-check
/** A query's rows as a table: sorted by a click on a column's head, copied, saved as CSV, or drawn. */
import { copyText, saveFile, tellOn } from './give.js'
import { button, element } from './nodes.js'
import { chart } from './chart.js'
import { formatter, guessType, isMissing, isName, isNumeric, toText } from './values.js'

/** @typedef {Record<string, unknown>} Row */

/**
 * @typedef {object} Column
 * @property {string} name
 * @property {string} type
 * @property {(value: unknown) => string} format
 */

/** Rows that are put on the page at once; the next ones come when somebody scrolls to the end. */
const SLICE_ROWS = 100

/**
 * @param {import('../client.js').ChatEvent & {chart?: string}} result
 * @param {import('./transcript.js').Known} hooks
 * @returns {HTMLElement}
 */
export function resultTable(result, hooks) {
  const { data = [], resultId } = result
  const { t, onSave } = hooks
  const columns = columnsOf(result, hooks)
  const figure = element('figure', 'result')
  /** As they are shown. */
  let shown = data
  const table = sortableTable(columns, data, (sorted) => (shown = sorted), t)
  const frame = tableFrame(table, t('table'))
  const names = columns.map(({ name }) => name)
  const buttons = element('span', 'buttons')
  const copy = button('quiet', t('copy'), () => copyText(copy, t, toTsv(names, shown)))
  const csv = button('quiet', 'CSV', () => {
    const done =
      resultId && onSave
        ? onSave(resultId)
        : saveFile(new Blob([toCsv(names, shown)], { type: 'text/csv' }), 'result.csv')
    tellOn(csv, done, t('saved'), t('not_saved'))
  })
  csv.title = t('csv_title')
  buttons.append(copy, csv)
  const series = charted(columns, data)
  if (series) buttons.prepend(chartSwitch(series, columns, figure, frame, result, hooks))
  const caption = element('figcaption')
  caption.append(element('span', '', howMany(result, data.length, t)), buttons)
  figure.append(frame, caption)
  return figure
}

/**
 * The button between the table and its picture, which is there at once when it was asked for.
 * @param {{label: number, values: number[]}} series @param {Column[]} columns @param {HTMLElement} figure
 * @param {HTMLElement} frame  the table's @param {import('../client.js').ChatEvent & {chart?: string}} result
 * @param {import('./transcript.js').Known} hooks
 */
function chartSwitch(series, columns, figure, frame, { data = [], summary = '', chart: kind = '' }, hooks) {
  const { t } = hooks
  /** @type {HTMLElement | undefined} */
  let picture
  const toggle = () => {
    frame.hidden = !frame.hidden
    if (frame.hidden)
      figure.prepend((picture ??= chart({ data, columns, ...series, kind, title: summary }, hooks)))
    else picture?.remove()
    node.textContent = t(frame.hidden ? 'table' : 'as_chart')
  }
  const node = button('quiet', t('as_chart'), toggle)
  if (kind) toggle()
  return node
}

/** Which columns make a picture: one names, one to three count; null when the rows do not suit. @param {Column[]} columns @param {Row[]} rows */
export function charted(columns, rows) {
  if (rows.length < 2 || rows.length > 60) return null
  const counts = columns.flatMap(({ name, type }, index) => (isNumeric(type) && !isName(name) ? [index] : []))
  const label = columns.findIndex((_, index) => !counts.includes(index))
  const isFull = counts.every((index) =>
    rows.some((row) => Number.isFinite(Number(row[columns[index].name] ?? NaN))),
  )
  if (label < 0 || !counts.length || counts.length > 3 || !isFull || columns[label].type === 'blob')
    return null
  return { label, values: counts }
}

/** A table in a box that scrolls by itself. @param {HTMLElement} table @param {string} label */
export function tableFrame(table, label) {
  const frame = element('div', 'table-frame')
  frame.tabIndex = 0
  frame.role = 'region'
  frame.ariaLabel = label
  frame.append(table)
  return frame
}

/** @param {import('../client.js').ChatEvent} result @param {import('./transcript.js').Known} hooks @returns {Column[]} */
function columnsOf({ columns, types = [], data = [] }, { locale, t }) {
  const names = columns?.length ? columns : Object.keys(data[0] ?? {})
  return names.map((name, index) => {
    const type = types[index] ?? guessType(data.map((row) => row[name]))
    return { name, type, format: formatter(type, name, locale, t) }
  })
}

/** @param {Column[]} columns @param {Row[]} rows @param {(sorted: Row[]) => void} onSort @param {(key: string) => string} t */
function sortableTable(columns, rows, onSort, t) {
  const table = element('table')
  table.setAttribute('aria-rowcount', String(rows.length + 1))
  const body = element('tbody')
  const heads = columns.map(headCell)
  heads.forEach((head, index) => {
    head.querySelector('button')?.addEventListener('click', () => {
      const order = head.getAttribute('aria-sort') === 'ascending' ? 'descending' : 'ascending'
      heads.forEach((other) => (other.ariaSort = null))
      head.ariaSort = order
      const sorted = sortRows(rows, columns[index].name, order, columns[index].type)
      body.replaceChildren()
      grow(body, columns, sorted, t)
      onSort(sorted)
    })
  })
  table.append(headOf(heads), body)
  grow(body, columns, rows, t)
  return table
}

/** The next rows, and behind them what asks for more. @param {HTMLElement} body @param {Column[]} columns @param {Row[]} rows @param {(key: string) => string} t */
function grow(body, columns, rows, t) {
  const from = body.childElementCount
  const all = new DocumentFragment()
  for (const row of rows.slice(from, from + SLICE_ROWS)) all.append(tableRow(columns, row))
  if (rows.length > from + SLICE_ROWS) {
    const line = element('tr')
    const cell = /** @type {HTMLTableCellElement} */ (element('td'))
    cell.colSpan = columns.length
    const more = () => {
      if (!line.parentNode) return
      const hadFocus = line.contains(/** @type {Document} */ (line.getRootNode()).activeElement)
      seen.disconnect()
      line.remove()
      grow(body, columns, rows, t)
      if (hadFocus) body.closest('div')?.focus()
    }
    const seen = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && more(), {
      rootMargin: '200px',
    })
    cell.append(button('quiet', t('more_rows'), more))
    line.append(cell)
    all.append(line)
    seen.observe(line)
  }
  body.append(all)
}

/** @param {HTMLElement[]} cells */
export function headOf(cells) {
  const line = element('tr')
  line.append(...cells)
  const head = element('thead')
  head.append(line)
  return head
}

/** @param {Column} column */
function headCell({ name, type }) {
  const cell = /** @type {HTMLTableCellElement} */ (element('th', isNumeric(type) ? 'number' : ''))
  cell.scope = 'col'
  cell.append(button('', name, () => {}))
  return cell
}

/** @param {Column[]} columns @param {Row} row */
function tableRow(columns, row) {
  const line = element('tr')
  for (const { name, type, format } of columns) {
    const value = row[name]
    if (isMissing(value)) {
      line.append(element('td', isNumeric(type) ? 'null number' : 'null', 'null'))
      continue
    }
    const shown = format(value)
    const cell = element(
      'td',
      isNumeric(type) ? 'number' : ['date', 'datetime', 'blob'].includes(type) ? 'whole' : '',
      shown,
    )
    if (shown !== toText(value) && type !== 'blob') cell.title = toText(value)
    line.append(cell)
  }
  return line
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
    if (typeof a === 'number' && typeof b === 'number') return sign * (a - b)
    const [one, other] = [toText(a), toText(b)]
    return sign * ((isNumeric(type) && compareNumbers(one, other)) || collator.compare(one, other))
  })
}

/** Numbers that came as text, integers of any size. @param {string} one @param {string} other */
function compareNumbers(one, other) {
  const areWhole = /^-?\d+$/.test(one) && /^-?\d+$/.test(other)
  const [a, b] = areWhole ? [BigInt(one), BigInt(other)] : [Number(one), Number(other)]
  return a < b ? -1 : a > b ? 1 : 0
}

/**
 * RFC 4180. A text that a spreadsheet would run as a formula gets an apostrophe in front.
 * @param {string[]} names @param {Row[]} rows
 */
export function toCsv(names, rows) {
  const lines = [names, ...rows.map((row) => names.map((name) => row[name] ?? ''))]
  return lines.map((values) => values.map(csvField).join(',')).join('\r\n') + '\r\n'
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
  const lines = [names, ...rows.map((row) => names.map((name) => row[name] ?? ''))]
  return lines
    .map((values) => values.map((value) => harmless(value).replace(/[\t\r\n]+/g, ' ')).join('\t'))
    .join('\n')
}
