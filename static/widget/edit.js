// @ts-check
/** A few lines to write, to send or to leave: other words for a question, a remark on an answer. */
import { button, element } from './nodes.js'

/**
 * @param {string} text  to begin with @param {string} label @param {(key: string) => string} t
 * @param {(text: string) => void} onSend @param {() => void} onClose
 * @returns {[HTMLTextAreaElement, ...HTMLElement[]]}
 */
export function form(text, label, t, onSend, onClose) {
  const rows = Math.min(8, text.split('\n').length + 1)
  const looks = { value: text, dir: 'auto', rows, placeholder: label, ariaLabel: label }
  const area = /** @type {HTMLTextAreaElement} */ (element('textarea', looks))
  const send = () => onSend(area.value.trim())
  const all = /** @type {[HTMLTextAreaElement, ...HTMLElement[]]} */ ([
    area,
    button('quiet', t('send'), send),
    button('quiet', t('cancel'), onClose),
  ])
  for (const one of all) {
    one.addEventListener('keydown', (/** @type {any} */ event) => {
      const isSent = one === area && event.key === 'Enter' && !event.shiftKey
      if (event.isComposing || (event.key !== 'Escape' && !isSent)) return
      event.preventDefault()
      event.stopPropagation() // the chat stays open
      if (isSent) send()
      else onClose()
    })
  }
  return all
}

/**
 * Other words for a question that was asked already.
 * @param {HTMLElement} question @param {string} text @param {(key: string) => string} t
 * @param {(text: string) => void} onDone
 */
export function edit(question, text, t, onDone) {
  const before = [...question.childNodes]
  const close = () => {
    question.classList.remove('edited')
    question.replaceChildren(...before)
    question.querySelector('button')?.focus()
  }
  const send = (/** @type {string} */ words) => {
    close()
    if (words && words !== text) onDone(words)
  }
  question.classList.add('edited')
  const nodes = form(text, t('edit'), t, send, close)
  question.replaceChildren(...nodes)
  nodes[0].focus()
}
