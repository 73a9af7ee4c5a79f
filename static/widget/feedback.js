// @ts-check
/** What people can do with an answer: copy it, and say whether it was good, in words when they like. */
import { form } from './edit.js'
import { copyText } from './give.js'
import { element, iconButton } from './nodes.js'

const COPY = 'M9 9h10v11H9zM5 15V4h10'
const THUMB = 'M7 11l4-7c2 0 3 1 2 5h5c2 0 2 2 2 3l-2 6c-.3 1-1 2-2 2H7zM3 11h4v9H3z'
const COMMENT_CHARS_MAX = 2000

/**
 * @param {import('./transcript.js').ChatEvent} event  the end of the answer; `feedback` and `comment` are what was
 *   said before
 * @param {string} text  of the answer @param {import('./transcript.js').Known} hooks @returns {HTMLElement}
 */
export function toolbar({ messageId: id, feedback = '', comment = '' }, text, hooks) {
  const { t, onFeedback } = hooks
  const copy = iconButton(COPY, t('copy'), () => copyText(copy, t, text))
  const bar = element('div', 'tools', copy)
  if (!id || !onFeedback || hooks.feedback === false) return bar
  const state = element('span', { className: 'told faint', role: 'status' })
  const thumbs = [
    iconButton(THUMB, t('positive'), () => rate('positive')),
    iconButton(THUMB, t('negative'), () => rate('negative')),
  ]
  thumbs[0].classList.add('positive')
  thumbs[1].classList.add('negative')
  /** @type {HTMLElement | null} */
  let open = null
  const show = () =>
    thumbs.forEach((thumb) => (thumb.ariaPressed = String(thumb.classList.contains(feedback || '-'))))
  /** The same once more takes it back. @param {string} value */
  const rate = async (value) => {
    const before = feedback
    feedback = value === before ? '' : value
    show()
    open?.remove()
    open = null
    const isKept = await onFeedback(id, feedback || null, feedback ? comment : '')
    if (!isKept) feedback = before
    show()
    state.textContent = isKept ? t(feedback ? 'thanks' : 'taken_back') : t('failed')
    if (isKept && feedback) bar.after((open = words()))
  }
  const words = () => {
    const close = () => {
      box.remove()
      thumbs.find((thumb) => thumb.classList.contains(feedback))?.focus()
    }
    const send = async (/** @type {string} */ text) => {
      const isKept = await onFeedback(id, feedback, text)
      state.textContent = t(isKept ? 'thanks' : 'failed')
      if (!isKept) return
      comment = text
      close()
    }
    const nodes = form(comment, t('words'), t, send, close)
    nodes[0].maxLength = COMMENT_CHARS_MAX
    const box = element('div', 'words', ...nodes)
    return box
  }
  show()
  bar.append(...thumbs, state)
  return bar
}
