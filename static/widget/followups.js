// @ts-check
/** Questions that may come next, as buttons. */
import { button, element } from './nodes.js'

/** @param {string[]} texts @param {import('./transcript.js').Known} hooks @returns {HTMLElement} */
export function followUps(texts, { t, onFollowUp }) {
  const choices = texts.map((text) => {
    const one = button('suggestion', text, () => onFollowUp?.(text))
    one.dir = 'auto'
    return one
  })
  return element('div', { className: 'follow-ups', role: 'group', ariaLabel: t('follow_ups') }, ...choices)
}
