// @ts-check
/** Which of a language's texts is meant. In the bundle a language is a list, and this is read from there (static/bundle-words.mjs). */

/**
 * The text of a key, in the form for numbers of that kind (`one`, `few`, `other` …) if it has several. An unknown key
 * is shown as it is.
 * @param {Record<string, string>} words @param {string} key @param {string} form
 */
export function inForm(words, key, form) {
  return words[`${key}_${form}`] ?? words[`${key}_other`] ?? words[key] ?? key
}
