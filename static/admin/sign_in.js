// @ts-check
/** Name and password, and the code when the account has one: on a page of its own, and over another one. */
import { ApiError, apiUrl, get, post } from './api.js'
import { fill, h } from './dom.js'
import { busy, field, formErrors, openDialog, problem, valuesOf } from './ui.js'

/**
 * @param {any} session                         what `GET /session` told
 * @param {(session: any) => unknown} onIn      with the new one
 * @param {{name?: string, error?: string}} [more]  the name to begin with; what went wrong before
 * @returns {HTMLElement[]} the form, and the way by another service
 */
export function signInForm(session, onIn, { name = '', error: told } = {}) {
  const note = h('div', { class: 'dialog-error' }, told && problem(new Error(told)))
  const code = field({
    label: 'Code',
    name: 'code',
    hint: 'The six digits that your authenticator app shows now.',
    attributes: { autocomplete: 'one-time-code', inputmode: 'numeric', maxlength: 20 },
  })
  code.hidden = true
  const button = h('button', { type: 'submit', class: 'button primary' }, 'Sign in')
  const send = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault()
    if (button.disabled || !formErrors(form)) return
    fill(note)
    const values = valuesOf(form)
    const asked = { name: values.name.trim(), password: values.password }
    try {
      const found = await busy(
        button,
        post('login', code.hidden ? asked : { ...asked, code: values.code.trim() }),
      )
      await onIn(found)
    } catch (error) {
      refused(error)
    }
  }
  /** @param {unknown} error */
  function refused(error) {
    if (!(error instanceof ApiError)) throw error
    const asksCode = error.code === 'CODE_NEEDED' && code.hidden
    if (error.code === 'CODE_NEEDED') code.hidden = false
    if (!asksCode) fill(note, problem(error))
    if (error.retryAfter) waitFor(Math.ceil(error.retryAfter))
    const next = form.querySelector(code.hidden ? '[name=password]' : '[name=code]')
    next.focus()
    next.select()
  }
  /** @param {number} seconds */
  function waitFor(seconds) {
    button.disabled = seconds > 0
    fill(button, seconds > 0 ? `Sign in (in ${seconds} s)` : 'Sign in')
    if (seconds > 0 && button.isConnected) setTimeout(() => waitFor(seconds - 1), 1000)
  }
  const form = h(
    'form',
    { class: 'card stack', novalidate: true, on: { submit: send } },
    field({
      label: 'Name',
      name: 'name',
      value: name,
      required: true,
      attributes: { autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', autofocus: !name },
    }),
    field({
      label: 'Password',
      name: 'password',
      type: 'password',
      required: true,
      attributes: { autocomplete: 'current-password', autofocus: Boolean(name) },
    }),
    code,
    note,
    button,
  )
  return session.oidc ? [form, ...elsewhere(session.oidc.name)] : [form]
}

/** @param {string} name  of the other service */
function elsewhere(name) {
  return [
    h('p', { class: 'or' }, h('span', null, 'or')),
    h('a', { class: 'button', href: apiUrl('oidc/start'), data: { outside: 1 } }, `Sign in with ${name}`),
  ]
}

/**
 * Over the page that is open, when the session ended meanwhile: what was typed there stays. A sign-in in another
 * window counts as well.
 * @param {any} session  as it is now @param {string} name  who was signed in
 * @returns {Promise<any>} the new session; null when the dialog was closed
 */
export async function signInAgain(session, name) {
  let look = () => {}
  const found = await openDialog({
    title: 'Sign in again',
    covers: true,
    content: (close) => {
      look = async () => {
        if (document.visibilityState === 'hidden') return
        const now = await get('session').catch(() => null)
        if (now?.state === 'in') close(now)
      }
      return h(
        'div',
        { class: 'stack' },
        h('p', null, 'Your session has ended. What you have typed on this page stays.'),
        signInForm(session, close, { name }),
      )
    },
    onOpen: () => document.addEventListener('visibilitychange', look),
  })
  document.removeEventListener('visibilitychange', look)
  return found
}
