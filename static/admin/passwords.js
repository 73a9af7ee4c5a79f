// @ts-check
/** A field for a new password, with hints while it is typed. The server decides; this only helps. */
import { fill, h } from './dom.js'
import { icon } from './icons.js'
import { field } from './ui.js'

export const LENGTH_MIN = 10
const COMMON =
  /^(.)\1+$|^(0?123456789?0?|abcdefgh\w*|qwert\w+|password\w*|passwort\w*|letmein\w*|welcome\w*|admin\w*|appliance\w*)\d*!?$/i

/**
 * What a password should be, and whether it is.
 * @param {string} password @param {string[]} known  what it should not hold, like the name
 * @returns {{text: string, good: boolean}[]}
 */
export function passwordHints(password, known) {
  const holds = known.filter((word) => word.length > 2 && password.toLowerCase().includes(word.toLowerCase()))
  return [
    {
      text: `At least ${LENGTH_MIN} characters; several words are easy to remember`,
      good: [...password].length >= LENGTH_MIN,
    },
    {
      text: 'Not your name and nothing that many use',
      good: password !== '' && !holds.length && !COMMON.test(password),
    },
  ]
}

/** @param {{label?: string, name?: string, known?: () => string[]}} [what] */
export function newPasswordField({ label = 'New password', name = 'password', known = () => [] } = {}) {
  const list = h('ul', { class: 'hints' })
  const whole = field({
    label,
    name,
    type: 'password',
    required: true,
    hint: list,
    attributes: { autocomplete: 'new-password', minlength: LENGTH_MIN },
  })
  const input = /** @type {HTMLInputElement} */ (whole.querySelector('input'))
  const show = () =>
    fill(
      list,
      passwordHints(input.value, known()).map(({ text, good }) =>
        h(
          'li',
          { class: good ? 'good' : null },
          icon(good ? 'check' : 'dot'),
          h('span', { class: 'unseen' }, good ? 'Done: ' : ''),
          text,
        ),
      ),
    )
  input.addEventListener('input', show)
  show()
  return whole
}
