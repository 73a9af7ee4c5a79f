// @ts-check
/** Questions that may come next, as buttons. */
import { button, element } from './nodes.js'

/** @param {string[]} texts @param {import('./transcript.js').Known} hooks @returns {HTMLElement} */
export function followUps(texts, { t, onFollowUp }) {
  const box = element('div', 'follow-ups')
  box.role = 'group'
  box.ariaLabel = t('follow_ups')
  for (const text of texts) {
    const one = button('suggestion', text, () => onFollowUp?.(text))
    one.dir = 'auto'
    box.append(one)
  }
  return box
}
