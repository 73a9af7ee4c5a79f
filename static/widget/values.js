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

/** Whether a column of this name holds names, though they be numbers. @param {string} name */
export function isName(name) {
  return NAMES_SOMETHING.test(name)
}

/** The value as it is, as text. @param {unknown} value */
export function toText(value) {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
}

/**
 * A function that shows a value of one column; what does not fit the type is shown as it is.
 * @param {string} type  of the column
 * @param {string} name  of the column
 * @param {string} [locale]  the browser's when not given
 * @param {(key: string, values?: Record<string, number>) => string} [t]
 * @returns {(value: unknown) => string}
 */
export function formatter(type, name, locale, t = (key) => key) {
  const useGrouping = !isName(name)
  switch (type) {
    case 'integer':
    case 'number':
    case 'decimal':
      return (value) => numberText(value, useGrouping, locale)
    case 'date':
      return (value) => dateText(value, locale)
    case 'datetime':
      return (value) => datetimeText(value, locale)
    case 'boolean':
      return (value) => (value === 1 ? t('yes') : value === 0 ? t('no') : toText(value))
    case 'blob':
      return (value) => blobText(value, t)
    default:
      return toText
  }
}

/** Integers and decimals may come as text, where a number of JavaScript would lose digits. @param {unknown} value @param {boolean} useGrouping @param {string} [locale] */
function numberText(value, useGrouping, locale) {
  const text = toText(value)
  const show = (/** @type {object} */ digits) =>
    new Intl.NumberFormat(locale, { useGrouping, ...digits }).format(/** @type {any} */ (value))
  if (typeof value === 'number')
    return isPlain(value) ? show(Number.isSafeInteger(value) ? {} : { maximumSignificantDigits: 15 }) : text
  const digits = typeof value === 'string' && DIGITS.exec(value)
  const decimals = digits ? (digits[1] ?? '.').length - 1 : 21
  // As text it is exact, however long it is.
  return decimals > 20 ? text : show({ minimumFractionDigits: decimals, maximumFractionDigits: decimals })
}

/** @param {number} value */
function isPlain(value) {
  const size = Math.abs(value)
  return Number.isSafeInteger(value) || (size < PLAIN_MAX && size >= PLAIN_MIN)
}

/** @param {unknown} value @param {string} [locale] */
function dateText(value, locale) {
  const text = toText(value)
  const date = new Date(`${text}T00:00:00Z`)
  if (!DATE.test(text) || !isDay(date, text)) return text
  return date.toLocaleDateString(locale, { dateStyle: 'medium', timeZone: 'UTC' })
}

/** A time without a zone is shown as it is written; one with a zone in the reader's own. @param {unknown} value @param {string} [locale] */
function datetimeText(value, locale) {
  const text = toText(value)
  const [, day, time, zone = ''] = /^(\d{4}-\d\d-\d\d)[T ]([\d:.]+)(Z|[+-]\d\d:?\d\d)?$/.exec(text) ?? []
  if (!day || !isDay(new Date(`${day}T00:00:00Z`), day)) return text
  const date = new Date(`${day}T${time}${zone.replace(/^(...)(\d\d)$/, '$1:$2') || 'Z'}`)
  if (Number.isNaN(date.getTime())) return text
  /** @type {Intl.DateTimeFormatOptions} */
  const options = { year: 'numeric', month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' }
  if (/^\d\d:\d\d:(?!00$)/.test(time)) options.second = '2-digit'
  return date.toLocaleString(
    locale,
    zone ? { ...options, timeZoneName: 'short' } : { ...options, timeZone: 'UTC' },
  )
}

/** False for the 31st of February. @param {Date} date @param {string} text */
function isDay(date, text) {
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)
}

/** @param {unknown} value @param {(key: string, values?: Record<string, number>) => string} t */
function blobText(value, t) {
  const text = toText(value)
  return BLOB.test(text) ? t('bytes', { n: (text.length - 3) / 2 }) : text
}
