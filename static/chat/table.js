// @ts-check
/** A query's rows as a table: sorted by a click on a column's head, copied as CSV. */

/**
 * @typedef {Record<string, unknown>} Row
 * @param {{columns?: string[], data?: Row[], rowCount?: number, truncated?: boolean}} result
 * @returns {HTMLElement}
 */
export function resultTable({ columns, data = [], rowCount = data.length, truncated = false }) {
  const names = columns?.length ? columns : Object.keys(data[0] ?? {})
  const figure = element('figure', 'result')
  const frame = element('div', 'table-frame')
  frame.tabIndex = 0
  frame.setAttribute('role', 'region')
  frame.setAttribute('aria-label', 'Result table')
  /** As they are shown. */
  let shown = data
  frame.append(sortableTable(names, data, (sorted) => (shown = sorted)))
  figure.append(frame, caption(rowCount, truncated, () => toCsv(names, shown)))
  return figure
}

/** @param {string[]} names @param {Row[]} rows @param {(sorted: Row[]) => void} onSort */
function sortableTable(names, rows, onSort) {
  const table = element('table')
  const body = element('tbody')
  const numeric = new Set(names.filter((name) => isNumeric(rows, name)))
  const fill = (/** @type {Row[]} */ sorted) =>
    body.replaceChildren(...sorted.map((row) => tableRow(names, row, numeric)))
  const heads = names.map((name) => headCell(name, numeric.has(name)))
  heads.forEach((head, index) => {
    head.querySelector('button')?.addEventListener('click', () => {
      const order = head.getAttribute('aria-sort') === 'ascending' ? 'descending' : 'ascending'
      heads.forEach((other) => other.removeAttribute('aria-sort'))
      head.setAttribute('aria-sort', order)
      const sorted = sortRows(rows, names[index], order)
      fill(sorted)
      onSort(sorted)
    })
  })
  const line = element('tr')
  line.append(...heads)
  const head = element('thead')
  head.append(line)
  table.append(head, body)
  fill(rows)
  return table
}

/** @param {string} name @param {boolean} numeric */
function headCell(name, numeric) {
  const cell = element('th', numeric ? 'number' : '')
  cell.setAttribute('scope', 'col')
  const button = element('button', '', name)
  button.setAttribute('type', 'button')
  cell.append(button)
  return cell
}

/** @param {string[]} names @param {Row} row @param {Set<string>} numeric */
function tableRow(names, row, numeric) {
  const line = element('tr')
  for (const name of names) {
    const value = row[name]
    const kind = value === null || value === undefined ? 'null' : numeric.has(name) ? 'number' : ''
    line.append(element('td', kind, kind === 'null' ? 'null' : toText(value)))
  }
  return line
}

/** @param {number} count @param {boolean} truncated @param {() => string} csv */
function caption(count, truncated, csv) {
  const line = element('figcaption')
  const noun = count === 1 ? 'row' : 'rows'
  const more = truncated ? `first ${count} rows, there are more` : `${count} ${noun}`
  const copy = element('button', 'quiet', 'Copy CSV')
  copy.setAttribute('type', 'button')
  copy.addEventListener('click', async () => {
    const copied = await toClipboard(csv())
    copy.textContent = copied ? 'Copied' : 'Cannot copy here'
    setTimeout(() => (copy.textContent = 'Copy CSV'), 1500)
  })
  line.append(element('span', '', more), copy)
  return line
}

/**
 * Numbers by value, texts by the reader's language, missing values last in both orders.
 * @param {Row[]} rows @param {string} name @param {string} order
 */
export function sortRows(rows, name, order) {
  const collator = new Intl.Collator(undefined, { numeric: true })
  const missing = (/** @type {unknown} */ value) => value === null || value === undefined
  const sign = order === 'descending' ? -1 : 1
  return [...rows].sort((left, right) => {
    const [a, b] = [left[name], right[name]]
    if (missing(a) || missing(b)) return Number(missing(a)) - Number(missing(b))
    if (typeof a === 'number' && typeof b === 'number') return sign * (a - b)
    return sign * collator.compare(toText(a), toText(b))
  })
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

/** @param {Row[]} rows @param {string} name */
function isNumeric(rows, name) {
  const values = rows.map((row) => row[name]).filter((value) => value !== null && value !== undefined)
  return values.length > 0 && values.every((value) => typeof value === 'number')
}

/** @param {unknown} value */
function toText(value) {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
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
