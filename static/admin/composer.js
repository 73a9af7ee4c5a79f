// @ts-check
/** Where a person of the team writes to a visitor: Enter sends, Shift+Enter breaks the line. */
import { post } from './api.js'
import { fill, h } from './dom.js'
import { Draft } from './drafts.js'
import { icon } from './icons.js'
import { busy, problem } from './ui.js'

const CHARS_MAX = 20_000

export class Composer {
  /** @param {string} path  where messages are posted @param {() => void} onSent */
  constructor(path, onSent) {
    this.path = path
    this.onSent = onSent
    this.draft = new Draft(path)
    /** Kept until the message has arrived, so that trying again does not send it twice. @type {string | null} */
    this.clientId = null
    this.input = h('textarea', {
      name: 'content',
      rows: 2,
      maxlength: CHARS_MAX,
      'aria-label': 'Your message to the visitor',
      placeholder: 'Write to the visitor',
      dir: 'auto',
      enterkeyhint: 'send',
      value: this.draft.read(),
      on: {
        keydown: (/** @type {KeyboardEvent} */ event) => {
          if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
          event.preventDefault()
          this.send()
        },
        input: () => {
          this.clientId = null
          this.draft.keep(this.input.value)
        },
      },
    })
    this.button = h('button', { type: 'submit', class: 'button primary' }, icon('send'), 'Send')
    this.note = h('div', { class: 'dialog-error' })
    this.node = h(
      'form',
      {
        class: 'composer',
        hidden: true,
        on: {
          submit: (/** @type {Event} */ event) => {
            event.preventDefault()
            this.send()
          },
        },
      },
      this.note,
      h('div', { class: 'composer-line' }, this.input, this.button),
    )
  }

  /** @param {boolean} shown */
  show(shown) {
    this.node.hidden = !shown
  }

  focus() {
    if (!this.node.hidden) this.input.focus()
  }

  text() {
    return this.input.value.trim()
  }

  clear() {
    this.input.value = ''
    this.clientId = null
    this.draft.keep('')
    fill(this.note)
  }

  async send() {
    const content = this.text()
    if (!content || this.button.disabled) return
    fill(this.note)
    this.clientId ??= newId()
    try {
      await busy(this.button, post(this.path, { content, client_id: this.clientId }))
      if (this.text() === content) this.clear()
      this.onSent()
    } catch (error) {
      fill(
        this.note,
        problem(error, () => this.send()),
      )
    }
    this.input.focus()
  }
}

/** `crypto.randomUUID` is missing on plain http addresses. */
function newId() {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
}
