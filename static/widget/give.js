// @ts-check
/** Ways to give the reader something: into the clipboard, as a file; and to tell whether it went well. */
import { element } from './nodes.js'

/** Give the reader a file. @param {Blob} blob @param {string} name @returns {true} */
export function saveFile(blob, name) {
  const href = URL.createObjectURL(blob)
  element('a', { href, download: name }).click()
  setTimeout(() => URL.revokeObjectURL(href), 10_000)
  return true
}

/**
 * Put a text into the clipboard; the button tells for a moment how it went.
 * @param {HTMLElement} node @param {(key: string) => string} t @param {string} text
 */
export function copyText(node, t, text) {
  // There is no clipboard on plain http from another host.
  const done = navigator.clipboard?.writeText(text).then(
    () => true,
    () => false,
  )
  return tellOn(node, done ?? false, t('copied'), t('no_copy'))
}

/** @param {HTMLElement} node @param {Promise<boolean> | boolean} done @param {string} good @param {string} bad */
export async function tellOn(node, done, good, bad) {
  const told = (await done) ? good : bad
  const { title } = node
  const name = (node.dataset.name ??= title || /** @type {string} */ (node.textContent))
  const show = (/** @type {string} */ text) => {
    if (title) node.title = text
    else node.textContent = text
    node.ariaLabel = title ? text : null
  }
  show(told)
  setTimeout(() => show(name), 1500)
}
