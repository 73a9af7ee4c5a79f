// @ts-check
/** Signing in: name and password, the code when the account has one, or another service. */
import { ApiError, apiUrl, post } from '../api.js'
import { fill, h } from '../dom.js'
import { busy, field, formErrors, problem, valuesOf } from '../ui.js'

/** What the login by another service came to, by its words. @type {Record<string, string>} */
const WHY = {
  expired: 'The sign-in took too long, or was begun in another browser. Try again.',
  cancelled: 'The other service did not sign you in. Try again.',
  unverified: 'The other service has not verified your e-mail address.',
  not_allowed: 'Your address may not sign in here. Ask an admin of this console.',
  disabled: 'Your account is disabled. Ask an admin of this console.',
  failed: 'The sign-in did not work. The log of the server has the reason.',
}

/** @type {import('../pages.js').Page} */
export const page = {
  path: 'login',
  title: 'Sign in',
  show(root, { session, enter, query }) {
    const note = h(
      'div',
      { class: 'dialog-error' },
      query.error && problem(new Error(WHY[query.error] ?? 'The sign-in did not work. Try again.')),
    )
    const code = field({
      label: 'Code',
      name: 'code',
      hint: 'The six digits that your authenticator app shows now.',
      attributes: { autocomplete: 'one-time-code', inputmode: 'numeric', maxlength: 20 },
    })
    code.hidden = true
    const button = h('button', { type: 'submit', class: 'button primary' }, 'Sign in')
    const fields = [
      field({
        label: 'Name',
        name: 'name',
        required: true,
        attributes: {
          autocomplete: 'username',
          autocapitalize: 'none',
          spellcheck: 'false',
          autofocus: true,
        },
      }),
      field({
        label: 'Password',
        name: 'password',
        type: 'password',
        required: true,
        attributes: { autocomplete: 'current-password' },
      }),
    ]
    const send = async (/** @type {SubmitEvent} */ event) => {
      event.preventDefault()
      if (button.disabled || !formErrors(form)) return
      fill(note)
      const values = valuesOf(form)
      try {
        await enter(
          await busy(
            button,
            post('login', {
              name: values.name.trim(),
              password: values.password,
              ...(code.hidden ? {} : { code: values.code.trim() }),
            }),
          ),
        )
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
      if (error.retryAfter) waitFor(Math.ceil(error.retryAfter), error)
      const next = form.querySelector(code.hidden ? '[name=password]' : '[name=code]')
      next.focus()
      next.select()
    }
    /** @param {number} seconds @param {ApiError} error */
    function waitFor(seconds, error) {
      button.disabled = seconds > 0
      fill(button, seconds > 0 ? `Sign in (in ${seconds} s)` : 'Sign in')
      if (seconds > 0 && button.isConnected) setTimeout(() => waitFor(seconds - 1, error), 1000)
    }
    const form = h(
      'form',
      { class: 'card stack', novalidate: true, on: { submit: send } },
      fields,
      code,
      note,
      button,
    )
    const other = session.oidc && [
      h('p', { class: 'or' }, h('span', null, 'or')),
      h(
        'a',
        { class: 'button', href: apiUrl('oidc/start'), data: { outside: 1 } },
        `Sign in with ${session.oidc.name}`,
      ),
    ]
    root.append(gate(session.title, 'Sign in', form, other))
    form.querySelector('[name=name]').focus()
  },
}

/** The frame of the pages that stand before all others. @param {string} title @param {string} heading @param {...(import('../dom.js').Child | import('../dom.js').Child[])} children */
export function gate(title, heading, ...children) {
  return h(
    'div',
    { class: 'stack' },
    h(
      'div',
      { class: 'gate-head' },
      h('img', { src: new URL('../icon.svg', import.meta.url).href, alt: '', width: 40, height: 40 }),
      h(
        'div',
        null,
        h('p', { class: 'faint', dir: 'auto' }, title || 'Console'),
        h('h1', { tabindex: -1 }, heading),
      ),
    ),
    ...children,
  )
}
