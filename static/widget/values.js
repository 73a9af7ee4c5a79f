// @ts-check
/** How values of query results are shown: by the type of their column, in the reader's language. */

const NUMERIC = new Set(['integer', 'number', 'decimal'])
/** Numbers that name something: grouped digits would make a year `2,026`. */
const NAMES_SOMETHING = /(^|_)(id|no|nr|number|code|year|zip|key|phone)$/i
const DIGITS = /^[+-]?\d+(\.\d+)?$/
const DATE = /^\d{4}-\d\d-\d\d$/
const BLOB = /^x'(?:[0-9a-f]{2})*'$/
/** Floats that print with an exponent, or nearly, are shown as they are. */
const PLAIN_MAX = 1e15
const PLAIN_MIN = 1e-6

/** The type of a column of which the server told none. @param {unknown[]} values */
export function guessType(values) {
  const there = values.filter((value) => !isMissing(value))
  return there.length > 0 && there.every((value) => typeof value === 'number') ? 'number' : 'text'
}

/** @param {unknown} value */
export function isMissing(value) {
  return value === null || value === undefined
}

/** Columns of such a type stand right. @param {string} type */
export function isNumeric(type) {
  return NUMERIC.has(type)
}

/** The value as it is, as text. @param {unknown} value */
export function toText(value) {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
}

/**
 * A function that shows a value of one column; what does not fit the type is shown as it is.
 * @param {string} type  of the column
 * @param {string} name  of the column
 * @returns {(value: unknown) => string}
 */
export function formatter(type, name) {
  const useGrouping = !NAMES_SOMETHING.test(name)
  switch (type) {
    case 'integer':
    case 'number':
    case 'decimal':
      return (value) => numberText(value, useGrouping)
    case 'date':
      return dateText
    case 'datetime':
      return datetimeText
    case 'boolean':
      return (value) => (value === 1 ? 'yes' : value === 0 ? 'no' : toText(value))
    case 'blob':
      return blobText
    default:
      return toText
  }
}

/** Integers and decimals may come as text, where a number of JavaScript would lose digits. @param {unknown} value @param {boolean} useGrouping */
function numberText(value, useGrouping) {
  const text = toText(value)
  if (typeof value === 'number') {
    const digits = Number.isSafeInteger(value) ? {} : { maximumSignificantDigits: 15 }
    return isPlain(value) ? new Intl.NumberFormat(undefined, { useGrouping, ...digits }).format(value) : text
  }
  const digits = typeof value === 'string' ? DIGITS.exec(value) : null
  const decimals = (digits?.[1]?.length ?? 1) - 1
  if (!digits || decimals > 20) return text
  const options = { useGrouping, minimumFractionDigits: decimals, maximumFractionDigits: decimals }
  const whole = BigInt(text.replace(/^\+/, '').split('.')[0])
  if (decimals === 0) return new Intl.NumberFormat(undefined, options).format(whole)
  // Digit by digit, since a float would round: -0.50 has no sign in its whole part.
  const parts = new Intl.NumberFormat(undefined, { useGrouping }).format(whole < 0n ? -whole : whole)
  const sign = text.startsWith('-') ? minusSign() : ''
  return `${sign}${parts}${decimalMark()}${localDigits(text.split('.')[1])}`
}

/** @param {number} value */
function isPlain(value) {
  const size = Math.abs(value)
  return Number.isSafeInteger(value) || (size < PLAIN_MAX && size >= PLAIN_MIN)
}

function minusSign() {
  return partOf(-1, 'minusSign', '-')
}

function decimalMark() {
  return partOf(1.5, 'decimal', '.')
}

/** @param {number} sample @param {string} type @param {string} otherwise */
function partOf(sample, type, otherwise) {
  const parts = new Intl.NumberFormat().formatToParts(sample)
  return parts.find((part) => part.type === type)?.value ?? otherwise
}

/** @param {string} digits */
function localDigits(digits) {
  const format = new Intl.NumberFormat(undefined, { useGrouping: false })
  return Array.from(digits, (digit) => format.format(Number(digit))).join('')
}

/** @param {unknown} value */
function dateText(value) {
  const text = toText(value)
  const date = new Date(`${text}T00:00:00Z`)
  if (!DATE.test(text) || !isDay(date, text)) return text
  return date.toLocaleDateString(undefined, { dateStyle: 'medium', timeZone: 'UTC' })
}

/** A time without a zone is shown as it is written; one with a zone in the reader's own. @param {unknown} value */
function datetimeText(value) {
  const text = toText(value)
  const [, day, time, zone = ''] = /^(\d{4}-\d\d-\d\d)[T ]([\d:.]+)(Z|[+-]\d\d:?\d\d)?$/.exec(text) ?? []
  if (!day || !isDay(new Date(`${day}T00:00:00Z`), day)) return text
  const date = new Date(`${day}T${time}${zone.replace(/^(...)(\d\d)$/, '$1:$2') || 'Z'}`)
  if (Number.isNaN(date.getTime())) return text
  /** @type {Intl.DateTimeFormatOptions} */
  const options = { year: 'numeric', month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' }
  if (/^\d\d:\d\d:(?!00$)/.test(time)) options.second = '2-digit'
  return date.toLocaleString(undefined, zone ? { ...options, timeZoneName: 'short' } : { ...options, timeZone: 'UTC' })
}

/** False for the 31st of February. @param {Date} date @param {string} text */
function isDay(date, text) {
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)
}

/** @param {unknown} value */
function blobText(value) {
  const text = toText(value)
  if (!BLOB.test(text)) return text
  const size = (text.length - 3) / 2
  return `${size.toLocaleString()} byte${size === 1 ? '' : 's'}`
}
