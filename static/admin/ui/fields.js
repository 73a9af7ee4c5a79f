// @ts-check
/** Fields of forms: label, control, hint and error belong together for every reader. */
import { fill, h } from '../dom.js'

/**
 * @typedef {object} Field
 * @property {string} label
 * @property {string} name
 * @property {'text' | 'password' | 'number' | 'email' | 'url' | 'search' | 'date' | 'textarea' | 'select' | 'checkbox' | 'file'} [type]
 * @property {any} [value]
 * @property {import('../dom.js').Child} [hint]
 * @property {({value: string, label: string} | string)[]} [options]  of a select
 * @property {boolean} [required]
 * @property {string} [error]
 * @property {boolean} [code]              shown in a font of fixed width
 * @property {Record<string, any>} [attributes]  more of the control: autocomplete, min, maxlength, placeholder, rows, accept, multiple…
 */

let count = 0

/** @param {Field} props @returns {HTMLElement} the whole field; its control is `[name]` in it */
export function field({
  label,
  name,
  type = 'text',
  value,
  hint,
  options = [],
  required = false,
  error,
  code = false,
  attributes = {},
}) {
  const id = `field-${++count}`
  const described = `${id}-hint ${id}-error`
  const shared = {
    id,
    name,
    required,
    'aria-describedby': described,
    class: code ? 'code' : null,
    ...attributes,
  }
  const input = control(type, value, options, shared)
  const title = h('label', { for: id }, label, required ? '' : null)
  const notes = [
    h('p', { class: 'hint', id: `${id}-hint`, hidden: !hint }, hint),
    h('p', { class: 'error', id: `${id}-error`, hidden: true }),
  ]
  const whole =
    type === 'checkbox'
      ? h('div', { class: 'field check' }, input, h('div', null, title, notes))
      : h('div', { class: 'field' }, title, input, notes)
  if (error) fieldError(whole, error)
  return whole
}

/** @param {string} type @param {any} value @param {({value: string, label: string} | string)[]} options @param {Record<string, any>} shared */
function control(type, value, options, shared) {
  if (type === 'textarea') return h('textarea', { rows: 4, ...shared, value: value ?? '' })
  if (type === 'checkbox') return h('input', { type, ...shared, checked: Boolean(value) })
  if (type === 'file') return h('input', { type, ...shared })
  if (type !== 'select') return h('input', { type, ...shared, value: value ?? '' })
  const choices = options.map((option) =>
    typeof option === 'string' ? { value: option, label: option } : option,
  )
  return h(
    'select',
    { ...shared, value: value ?? choices[0]?.value ?? '' },
    choices.map((choice) => h('option', { value: choice.value }, choice.label)),
  )
}

/** Show what is wrong with a field, or that nothing is (''). @param {Element} whole  as `field` made it @param {string} text */
export function fieldError(whole, text) {
  const note = whole.querySelector('.error')
  const input = whole.querySelector('[name]')
  if (!note || !input) return
  fill(note, text)
  note.toggleAttribute('hidden', !text)
  if (text) input.setAttribute('aria-invalid', 'true')
  else input.removeAttribute('aria-invalid')
}

/** Check a form: every required field that is empty says so; the first one gets the focus. @param {HTMLFormElement} form @returns {boolean} whether all is well */
export function formErrors(form) {
  /** @type {any} */
  let first = null
  for (const input of /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll('[name]'))) {
    const whole = input.closest('.field')
    if (!whole) continue
    fieldError(whole, input.validity.valid ? '' : told(input))
    if (!input.validity.valid) first ??= input
  }
  first?.focus()
  return first === null
}

/** @param {HTMLInputElement} input */
function told(input) {
  return input.validity.valueMissing
    ? input.type === 'checkbox'
      ? 'Tick this to go on.'
      : 'This is needed.'
    : input.validationMessage
}

/**
 * The values of a form by name: numbers of number fields (null when empty), booleans of checkboxes, Files of file fields, text else.
 * @param {HTMLFormElement} form @returns {Record<string, any>}
 */
export function valuesOf(form) {
  /** @type {Record<string, any>} */
  const values = {}
  for (const input of /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll('[name]')))
    values[input.name] = valueOf(input)
  return values
}

/** @param {HTMLInputElement} input */
function valueOf(input) {
  if (input.type === 'checkbox') return input.checked
  if (input.type === 'number') return input.value === '' ? null : input.valueAsNumber
  if (input.type === 'file') return [...(input.files ?? [])]
  return input.value
}
