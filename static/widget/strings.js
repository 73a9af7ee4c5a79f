// @ts-check
/** What the widget says, in the reader's language: one small module each in `languages/`, loaded when wanted. */
import { inForm } from './words.js'

/** @typedef {(key: string, values?: Record<string, string | number>) => string} Translate */

/** The bundle (static/bundle.mjs) puts its version here: files of two versions never meet. */
const VERSION = ''

export const LANGUAGES = ['en', 'de', 'fr', 'es', 'it', 'pt', 'nl', 'ar']

/**
 * The first of the `wanted` languages (BCP 47) that we speak, else English. `locale` is the most exact name of it,
 * for numbers and times: the browser's `de-AT` also where a page asks for `de`.
 * @param {(string | null | undefined)[]} wanted
 */
export function choose(wanted) {
  for (const one of wanted) {
    const lang = LANGUAGES.find((known) => one?.toLowerCase().split('-')[0] === known)
    if (lang && one) return { lang, locale: exact(one, lang) }
  }
  return { lang: 'en', locale: 'en' }
}

/** @param {string} asked @param {string} lang */
function exact(asked, lang) {
  const known = navigator.languages.find((one) => one.split('-')[0] === lang)
  const locale = asked.includes('-') ? asked : (known ?? lang)
  try {
    return Intl.getCanonicalLocales(locale)[0]
  } catch {
    return lang // a page may name it in any way
  }
}

/**
 * `t('rows', { n: 2 })` takes `rows_one`, `rows_other` … by the plural rules of the language when they are there,
 * and puts values in for `{n}`; numbers are written by `locale`. An unknown key is shown as it is.
 * @param {string} lang @param {string} locale @returns {Promise<Translate>}
 */
export async function speak(lang, locale) {
  const address = `./languages/${lang}.js${VERSION}`
  /** @type {Record<string, string>} */
  const words = (await import(address)).default
  const rules = new Intl.PluralRules(lang)
  const number = new Intl.NumberFormat(locale)
  return (key, values = {}) => {
    const { n } = values
    const text = inForm(words, key, typeof n === 'number' ? rules.select(n) : 'other')
    return text.replace(/\{(\w+)\}/g, (whole, name) => {
      const value = values[name] ?? whole
      return typeof value === 'number' ? number.format(value) : value
    })
  }
}
