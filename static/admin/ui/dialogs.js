// @ts-check
/** Dialogs: a form to be filled in, and the question before something is lost. */
import { fill, h } from '../dom.js'
import { field, formErrors, valuesOf } from './fields.js'
import { busy, iconButton, problem } from './pieces.js'

/** @typedef {import('../dom.js').Child} Child */

let count = 0

/**
 * Open a dialog; it goes with Escape, its close button or `close(result)`.
 * @param {object} what
 * @param {string} what.title
 * @param {boolean} [what.wide]
 * @param {boolean} [what.covers]          whether nothing of the page is seen behind it
 * @param {(close: (result?: any) => void) => Child | Child[]} what.content
 * @param {() => Promise<boolean>} [what.mayLeave]  asked before it goes by Escape or its close button
 * @param {() => void} [what.onOpen]
 * @returns {Promise<any>} what it was closed with; null when it was left
 */
export function openDialog({ title, wide = false, covers = false, content, mayLeave, onOpen }) {
  return new Promise((resolve) => {
    /** @type {any} */
    let result = null
    const id = `dialog-${++count}`
    const close = (/** @type {any} */ value = null) => {
      result = value
      dialog.close()
    }
    const leave = async () => (!mayLeave || (await mayLeave())) && close()
    const dialog = h('dialog', {
      class: [wide && 'wide', covers && 'covers'].filter(Boolean).join(' ') || null,
      'aria-labelledby': id,
    })
    dialog.append(
      h(
        'div',
        { class: 'dialog-head' },
        h('h2', { id, dir: 'auto' }, title),
        iconButton('close', 'Close', () => void leave()),
      ),
    )
    dialog.append(h('div', { class: 'dialog-body' }, content(close)))
    dialog.addEventListener('cancel', (/** @type {Event} */ event) => {
      if (!mayLeave || event.target !== dialog) return
      event.preventDefault()
      void leave()
    })
    dialog.addEventListener('close', () => {
      dialog.remove()
      resolve(result)
    })
    document.body.append(dialog)
    dialog.showModal()
    dialog.querySelector('[autofocus], .dialog-body :is(input, select, textarea)')?.focus()
    onOpen?.()
  })
}

/** Close what is open, as its page is left. */
export function closeDialogs() {
  for (const dialog of /** @type {NodeListOf<HTMLDialogElement>} */ (document.querySelectorAll('dialog[open]')))
    dialog.close()
}

/**
 * A form in a dialog. `action` does the work: when it fails the dialog stays, and tells why.
 * @param {object} what
 * @param {string} what.title
 * @param {Child} [what.text]
 * @param {import('./fields.js').Field[]} [what.fields]
 * @param {Child | Child[]} [what.content]  instead of, or behind, the fields; controls with a `name` count
 * @param {string} [what.submit]            the button's label
 * @param {boolean} [what.wide]
 * @param {(values: Record<string, any>) => any} [what.action]
 * @returns {Promise<any>} what `action` gave (the values without one, `true` when it gave nothing); null when it was left
 */
export function formDialog({ title, text, fields = [], content, submit = 'Save', wide, action }) {
  /** @type {HTMLFormElement} */
  let form
  let before = ''
  return openDialog({
    title,
    wide,
    onOpen: () => (before = typedIn(form)),
    mayLeave: async () => typedIn(form) === before || leaveTyped(),
    content: (close) => {
      const note = h('div', { class: 'dialog-error' })
      const button = h('button', { type: 'submit', class: 'button primary' }, submit)
      const send = async (/** @type {SubmitEvent} */ event) => {
        event.preventDefault()
        if (!formErrors(form)) return
        fill(note)
        const values = valuesOf(form)
        try {
          close(action ? ((await busy(button, Promise.resolve(action(values)))) ?? true) : values)
        } catch (error) {
          fill(note, problem(error))
        }
      }
      form = h(
        'form',
        { novalidate: true, on: { submit: send } },
        text && h('p', null, text),
        fields.map(field),
        content,
        note,
        h(
          'div',
          { class: 'dialog-foot' },
          h('button', { type: 'button', class: 'button', on: { click: () => close() } }, 'Cancel'),
          button,
        ),
      )
      return form
    },
  })
}

/** What stands in the fields of a form, to see whether it changed. @param {HTMLFormElement} form */
function typedIn(form) {
  const fields = /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll('textarea, input, select'))
  return JSON.stringify([...fields].map((one) => [one.value, one.checked]))
}

/** A slip of the finger should not cost what somebody has typed. */
function leaveTyped() {
  return confirmDialog({
    title: 'Leave what you have typed?',
    loses: ['what you have typed here'],
    action: 'Leave it',
  })
}

/**
 * Ask before something is done; what is lost stands as a list.
 * @param {object} what
 * @param {string} what.title
 * @param {Child} [what.text]
 * @param {string[]} [what.loses]
 * @param {string} [what.action]   the button's label
 * @param {string} [what.type]     a word that has to be typed first, for what cannot be undone and is large
 * @param {boolean} [what.harmless]  whether the button is an ordinary one
 * @returns {Promise<boolean>}
 */
export async function confirmDialog({ title, text, loses = [], action = 'Delete', type, harmless = false }) {
  const yes = await openDialog({
    title,
    content: (close) => {
      const button = h(
        'button',
        { type: 'submit', class: `button ${harmless ? 'primary' : 'danger'}`, disabled: Boolean(type) },
        action,
      )
      const word = type
        ? field({ label: `Type “${type}” to go on`, name: 'word', attributes: { autocomplete: 'off' } })
        : null
      word?.addEventListener(
        'input',
        (event) => (button.disabled = /** @type {HTMLInputElement} */ (event.target).value.trim() !== type),
      )
      const send = (/** @type {SubmitEvent} */ event) => {
        event.preventDefault()
        if (!button.disabled) close(true)
      }
      return h(
        'form',
        { on: { submit: send } },
        text && h('p', null, text),
        loses.length > 0 &&
          h(
            'div',
            { class: 'loses' },
            h('p', null, 'This will be lost:'),
            h(
              'ul',
              null,
              loses.map((one) => h('li', null, one)),
            ),
          ),
        word,
        h(
          'div',
          { class: 'dialog-foot' },
          h(
            'button',
            { type: 'button', class: 'button', autofocus: !type, on: { click: () => close() } },
            'Cancel',
          ),
          button,
        ),
      )
    },
  })
  return yes === true
}
