// @ts-check
/** Signing in: name and password, the code when the account has one, or another service. */
import { h } from '../dom.js'
import { signInForm } from '../sign_in.js'

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
    const error = query.error && (WHY[query.error] ?? 'The sign-in did not work. Try again.')
    root.append(gate(session.title, 'Sign in', signInForm(session, enter, { error })))
    root.querySelector('input')?.focus()
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
