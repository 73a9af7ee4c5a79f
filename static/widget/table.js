// @ts-check
/** A query's rows as a table: sorted by a click on a column's head, copied or saved as CSV. */
import { formatter, guessType, isMissing, isNumeric, toText } from './values.js'

/** @typedef {Record<string, unknown>} Row */

/**
 * @typedef {object} Column
 * @property {string} name
 * @property {string} type
 * @property {(value: unknown) => string} format
 */

/**
 * @param {import('../client.js').ChatEvent} result
 * @param {((resultId: string) => Promise<boolean>) | undefined} save  of all rows; false when it failed
 * @returns {HTMLElement}
 */
export function resultTable(result, save) {
  const { data = [], resultId } = result
  const columns = columnsOf(result)
  const figure = element('figure', 'result')
  /** As they are shown. */
  let shown = data
  const table = sortableTable(columns, data, (sorted) => (shown = sorted))
  const buttons = element('span', 'buttons')
  if (save && resultId) {
    buttons.append(actionButton('Save CSV', 'Saved', 'Cannot save', () => save(resultId), 'Save all rows as a CSV file'))
  }
  const names = columns.map(({ name }) => name)
  buttons.append(actionButton('Copy CSV', 'Copied', 'Cannot copy here', () => toClipboard(toCsv(names, shown))))
  const caption = element('figcaption')
  caption.append(element('span', '', howMany(result, data.length)), buttons)
  figure.append(tableFrame(table, 'Result table'), caption)
  return figure
}

/** A table in a box that scrolls by itself. @param {HTMLElement} table @param {string} label */
export function tableFrame(table, label) {
  const frame = element('div', 'table-frame')
  frame.tabIndex = 0
  frame.setAttribute('role', 'region')
  frame.setAttribute('aria-label', label)
  frame.append(table)
  return frame
}

/** @param {import('../client.js').ChatEvent} result @returns {Column[]} */
function columnsOf({ columns, types = [], data = [] }) {
  const names = columns?.length ? columns : Object.keys(data[0] ?? {})
  return names.map((name, index) => {
    const type = types[index] ?? guessType(data.map((row) => row[name]))
    return { name, type, format: formatter(type, name) }
  })
}

/** @param {Column[]} columns @param {Row[]} rows @param {(sorted: Row[]) => void} onSort */
function sortableTable(columns, rows, onSort) {
  const table = element('table')
  const body = element('tbody')
  const fill = (/** @type {Row[]} */ sorted) => body.replaceChildren(...sorted.map((row) => tableRow(columns, row)))
  const heads = columns.map(headCell)
  heads.forEach((head, index) => {
    head.querySelector('button')?.addEventListener('click', () => {
      const order = head.getAttribute('aria-sort') === 'ascending' ? 'descending' : 'ascending'
      heads.forEach((other) => other.removeAttribute('aria-sort'))
      head.setAttribute('aria-sort', order)
      const sorted = sortRows(rows, columns[index].name, order, columns[index].type)
      fill(sorted)
      onSort(sorted)
    })
  })
  table.append(headOf(heads), body)
  fill(rows)
  return table
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
  const cell = element('th', isNumeric(type) ? 'number' : '')
  cell.setAttribute('scope', 'col')
  const button = element('button', '', name)
  button.setAttribute('type', 'button')
  cell.append(button)
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
    const cell = element('td', isNumeric(type) ? 'number' : ['date', 'datetime', 'blob'].includes(type) ? 'whole' : '', shown)
    if (shown !== toText(value) && type !== 'blob') cell.title = toText(value)
    line.append(cell)
  }
  return line
}

/** @param {import('../client.js').ChatEvent} result @param {number} shown */
function howMany({ rowCount = shown, truncated = false }, shown) {
  const rows = `${rowCount.toLocaleString()} ${rowCount === 1 ? 'row' : 'rows'}`
  if (truncated) return `first ${rows}, there are more`
  return shown < rowCount ? `${rows}, the first ${shown.toLocaleString()} are shown` : rows
}

/**
 * A button that tells for a moment how it went.
 * @param {string} text @param {string} good @param {string} bad
 * @param {() => Promise<boolean>} act @param {string} [title]
 */
function actionButton(text, good, bad, act, title) {
  const button = element('button', 'quiet', text)
  button.setAttribute('type', 'button')
  if (title) button.title = title
  button.addEventListener('click', async () => {
    button.textContent = (await act()) ? good : bad
    setTimeout(() => (button.textContent = text), 1500)
  })
  return button
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
function csvField(value) {
  let text = toText(value)
  const risky = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text))
  if (risky) text = `'${text}`
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** @param {string} text */
async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false // no clipboard on plain http from another host
  }
}

/** @param {string} tag @param {string} [className] @param {string} [text] @returns {HTMLElement} */
export function element(tag, className = '', text = '') {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text) node.textContent = text
  return node
}
