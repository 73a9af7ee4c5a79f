// @ts-check
/** Addresses of the console's pages: `/admin/<page>/<parameter…>?<query>`, below any base path. */

const BASE = new URL('../../admin', import.meta.url)

/** @typedef {Record<string, string | number | boolean | null | undefined>} Query */

/**
 * @typedef {object} Place
 * @property {string} path       the page's name; '' at the console's root
 * @property {string[]} params
 * @property {Record<string, string>} query
 */

/**
 * The address of a page: `pageUrl('bots', id)`, `pageUrl('conversations', {q: 'tea'})`.
 * @param {...(string | Query)} parts  path segments as they are (they get encoded), and maybe a query
 */
export function pageUrl(...parts) {
  const segments = parts.filter((part) => typeof part === 'string').map(encodeURIComponent)
  const query = parts.find((part) => typeof part !== 'string')
  return [BASE.pathname, ...segments].join('/') + queryText(/** @type {Query | undefined} */ (query))
}

/** `?a=1&b=2` of all that has a value, or nothing. @param {Query} [query] */
export function queryText(query) {
  const pairs = Object.entries(query ?? {}).filter(
    ([, value]) => value !== null && value !== undefined && value !== '',
  )
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString()
  return text && `?${text}`
}

/** Where an address leads inside the console; null when it leads elsewhere. @param {URL} url @returns {Place | null} */
export function placeOf(url) {
  const own =
    url.origin === BASE.origin &&
    (url.pathname === BASE.pathname || url.pathname.startsWith(`${BASE.pathname}/`))
  if (!own || url.pathname.startsWith(`${BASE.pathname}/api/`)) return null
  const [path = '', ...params] = url.pathname
    .slice(BASE.pathname.length + 1)
    .split('/')
    .filter(Boolean)
    .map(decode)
  return { path, params, query: Object.fromEntries(url.searchParams) }
}

/** @param {string} segment */
function decode(segment) {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
