// @ts-check
/** How values of query results are shown: by the type of their column, in the reader's language. */

const NUMERIC = /^(integer|number|decimal)$/
/** Numbers that name something: grouped digits would make a year `2,026`. */
const NAMES_SOMETHING = /(^|_)(id|no|nr|number|code|year|zip|key|phone)$/i
const DIGITS = /^[+-]?\d+(\.\d+)?$/
const TIME = /^(\d{4}-\d\d-\d\d)(?:[T ]([\d:.]+)(Z|[+-]\d\d:?\d\d)?)?$/
const BLOB = /^x'(?:[0-9a-f]{2})*'$/
/** Floats that print with an exponent, or nearly, are shown as they are. */
const PLAIN_MAX = 1e15
const PLAIN_MIN = 1e-6

/** Making one takes longer than using it a hundred times. @type {Record<string, any>} */
const made = {}

/** @param {'NumberFormat' | 'DateTimeFormat'} kind @param {string | undefined} locale @param {object} options */
function keep(kind, locale, options) {
  const { [kind]: Format } = /** @type {Record<string, any>} */ (Intl)
  return (made[kind + locale + JSON.stringify(options)] ??= new Format(locale, options))
}

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
  return NUMERIC.test(type)
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
  if (isNumeric(type)) return (value) => numberText(value, useGrouping, locale)
  if (/^date(time)?$/.test(type)) return (value) => timeText(value, type, locale)
  if (type === 'boolean') return (value) => (value === 1 ? t('yes') : value === 0 ? t('no') : toText(value))
  return type === 'blob' ? (value) => blobText(value, t) : toText
}

/** Integers and decimals may come as text, where a number of JavaScript would lose digits. @param {unknown} value @param {boolean} useGrouping @param {string} [locale] */
function numberText(value, useGrouping, locale) {
  const text = toText(value)
  const show = (/** @type {object} */ digits) =>
    keep('NumberFormat', locale, { useGrouping, ...digits }).format(value)
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

/** A time without a zone is shown as it is written; one with a zone in the reader's own. @param {unknown} value @param {string} type @param {string} [locale] */
function timeText(value, type, locale) {
  const text = toText(value)
  const [, day, time = '', zone = ''] = TIME.exec(text) ?? []
  const date = new Date(`${day}T${time || '00:00'}${zone.replace(/^(...)(\d\d)$/, '$1:$2') || 'Z'}`)
  const isOdd = Boolean(time) !== (type === 'datetime') || Number.isNaN(date.getTime())
  // There is no 31st of February.
  if (isOdd || !new Date(`${day}T00:00Z`).toISOString().startsWith(day)) return text
  /** @type {Intl.DateTimeFormatOptions} */
  const options = time
    ? { year: 'numeric', month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' }
    : { dateStyle: 'medium' }
  if (/^\d\d:\d\d:(?!00$)/.test(time)) options.second = '2-digit'
  if (zone) options.timeZoneName = 'short'
  else options.timeZone = 'UTC'
  return keep('DateTimeFormat', locale, options).format(date)
}

/** @param {unknown} value @param {(key: string, values?: Record<string, number>) => string} t */
function blobText(value, t) {
  const text = toText(value)
  return BLOB.test(text) ? t('bytes', { n: (text.length - 3) / 2 }) : text
}
