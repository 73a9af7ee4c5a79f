// @ts-check
/** Times and figures in the reader's language. */
import { h } from '../dom.js'

const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const NUMBER = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 })
const SHORT = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 })
/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
]
const REFRESH_MS = 30_000
/** Behind the point of an amount of money. */
const DIGITS_MAX = 6

/**
 * A time as `5 minutes ago`, kept up to date, with the exact time behind it; a dash for none.
 * @param {number | null | undefined} seconds  Unix time
 * @returns {HTMLElement}
 */
export function when(seconds) {
  if (!seconds) return h('span', { class: 'faint' }, '–')
  const date = new Date(seconds * 1000)
  return h(
    'time',
    { datetime: date.toISOString(), title: EXACT.format(date), data: { at: seconds } },
    relative(seconds),
  )
}

/** @param {number} seconds */
function relative(seconds) {
  const away = seconds - Date.now() / 1000
  if (Math.abs(away) < 45) return away > 5 ? 'in a moment' : 'just now'
  if (Math.abs(away) > 14 * 86_400) return DAY.format(seconds * 1000)
  const [unit, size] = UNITS.find(([, size]) => Math.abs(away) >= size * 0.75) ?? UNITS[2]
  return RELATIVE.format(Math.round(away / size), unit)
}

setInterval(() => {
  for (const node of document.querySelectorAll('time[data-at]')) {
    const text = relative(Number(/** @type {HTMLElement} */ (node).dataset.at))
    if (node.textContent !== text) node.textContent = text
  }
}, REFRESH_MS)

/** @param {number | null | undefined} seconds */
export const exactTime = (seconds) => (seconds ? EXACT.format(seconds * 1000) : '–')
/** Hours and minutes. @param {number} seconds */
export const clock = (seconds) => CLOCK.format(seconds * 1000)

/** A figure with its thousands; `short` makes `12.3K` of it. @param {number | null | undefined} n @param {{short?: boolean}} [how] */
export function number(n, { short = false } = {}) {
  if (n === null || n === undefined || Number.isNaN(n)) return '–'
  return short && Math.abs(n) >= 10_000 ? SHORT.format(n) : NUMBER.format(n)
}

/** @param {number | null | undefined} share  0 to 1 */
export const percent = (share) =>
  share === null || share === undefined ? '–' : `${Math.round(share * 100)} %`

/**
 * An amount of money: two digits from 1, of less up to three that say something.
 * @param {number | null | undefined} amount @param {string} [currency]
 */
export const money = (amount, currency) => moneyAlike([amount], currency)(amount)

/**
 * How to show amounts that stand below each other: all with the digits that the largest of them needs, and as many
 * more as the smallest needs to be more than nothing.
 * @param {(number | null | undefined)[]} amounts @param {string} [currency]
 * @returns {(amount: number | null | undefined) => string}
 */
export function moneyAlike(amounts, currency = 'USD') {
  const sizes = amounts.filter((one) => one).map((one) => Math.abs(Number(one)))
  const digits = digitsFor(sizes)
  const least = 10 ** -digits
  return (amount) => {
    if (amount === null || amount === undefined) return '–'
    const small = amount !== 0 && Math.abs(amount) < least / 2
    return `${small ? '<' : ''}${inCurrency(small ? least : amount, currency, amount === 0 ? 2 : digits)}`
  }
}

/** @param {number[]} sizes  greater than zero */
function digitsFor(sizes) {
  const most = Math.max(0, ...sizes)
  if (!sizes.length || most >= 1) return 2
  const behind = (/** @type {number} */ size, /** @type {number} */ told) =>
    told - 1 - Math.floor(Math.log10(size))
  return Math.min(DIGITS_MAX, Math.max(2, behind(most, 3), behind(Math.min(...sizes), 1)))
}

/** @param {number} amount @param {string} currency @param {number} digits */
function inCurrency(amount, currency, digits) {
  const how = { minimumFractionDigits: digits, maximumFractionDigits: digits }
  try {
    return new Intl.NumberFormat(undefined, { style: 'currency', currency, ...how }).format(amount)
  } catch {
    return `${new Intl.NumberFormat(undefined, how).format(amount)} ${currency}`
  }
}

/** A size in bytes, in the unit that suits it. @param {number | null | undefined} n */
export function bytes(n) {
  if (n === null || n === undefined) return '–'
  const power = n < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(n) / 3))
  return `${new Intl.NumberFormat(undefined, { maximumFractionDigits: power ? 1 : 0 }).format(n / 1000 ** power)} ${['B', 'kB', 'MB', 'GB', 'TB'][power]}`
}

/** A span of time. @param {number | null | undefined} ms */
export function duration(ms) {
  if (ms === null || ms === undefined) return '–'
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${NUMBER.format(Math.round(ms / 100) / 10)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
}
