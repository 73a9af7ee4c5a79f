// @ts-check
/** A moment as the reader writes it; '' for none. @param {number | undefined} at  Unix seconds @param {string} [locale] */
export function when(at, locale) {
  return at ? new Date(at * 1000).toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'short' }) : ''
}
