// @ts-check
/** The way in by a one-time link: the first account, an invitation, or a new password. */
import { post } from '../api.js'
import { fill, h } from '../dom.js'
import { newPasswordField } from '../passwords.js'
import { pageUrl } from '../route.js'
import { busy, emptyState, field, fieldError, formErrors, problem, valuesOf } from '../ui.js'
import { gate } from './login.js'

const HEADINGS = { first: 'Set up the console', invite: 'Welcome', reset: 'Choose a new password' }
const LEADS = {
  first: 'Make the first account. It is an administrator’s: it may do everything and invite others.',
  invite: 'Choose a password, and you are in.',
  reset: 'It holds from now on; everybody who is signed in as you is signed out.',
}

/** @type {import('../pages.js').Page} */
export const page = {
  path: 'setup',
  title: 'Set up',
  async show(root, { session, enter }) {
    const token = decodeURIComponent(location.hash.replace(/^#setup=/, ''))
    if (!token) return void root.append(gate(session.title, 'Not set up yet', noLink()))
    try {
      const link = await post('setup/look', { token })
      root.append(
        gate(
          session.title,
          HEADINGS[/** @type {keyof HEADINGS} */ (link.kind)] ?? HEADINGS.invite,
          form(token, link, enter),
        ),
      )
    } catch (error) {
      root.append(gate(session.title, 'This link does not work', problem(error), noLink(), leave(session)))
    }
    root.querySelector('input')?.focus()
  },
}

function noLink() {
  return emptyState({
    title: 'Open the one-time link.',
    text: [
      'The first account is made by a link that the appliance prints as it starts. A new one comes with ',
      h('code', null, 'appliance admin link'),
      '; people who were invited get theirs from an administrator.',
    ],
  })
}

/** @param {any} session */
function leave(session) {
  if (session.state === 'setup') return null
  return h(
    'a',
    { class: 'button', href: pageUrl() },
    session.state === 'in' ? 'Go to the console' : 'Go to sign in',
  )
}

/** @param {string} token @param {{kind: string, name?: string}} link @param {(session: any) => Promise<void>} enter */
function form(token, { kind, name }, enter) {
  const note = h('div', { class: 'dialog-error' })
  const button = h(
    'button',
    { type: 'submit', class: 'button primary' },
    kind === 'reset' ? 'Save and sign in' : 'Create the account',
  )
  const names =
    kind === 'first'
      ? [
          field({
            label: 'Name',
            name: 'name',
            required: true,
            hint: 'What you sign in with.',
            attributes: {
              autocomplete: 'username',
              autocapitalize: 'none',
              spellcheck: 'false',
              maxlength: 64,
            },
          }),
          field({
            label: 'Shown as',
            name: 'display_name',
            hint: 'What colleagues and visitors see when you step in. The name, when empty.',
            attributes: { autocomplete: 'name', maxlength: 80 },
          }),
        ]
      : [
          h('p', null, 'You sign in as ', h('strong', { dir: 'auto' }, name), '.'),
          h('input', {
            type: 'text',
            class: 'unseen',
            autocomplete: 'username',
            value: name ?? '',
            tabindex: -1,
            'aria-hidden': 'true',
            readonly: true,
          }),
        ]
  const chosen = /** @type {HTMLInputElement | null} */ (names[0].querySelector('[name=name]'))
  const password = newPasswordField({ label: 'Password', known: () => [chosen?.value ?? name ?? ''] })
  const again = field({
    label: 'Password again',
    name: 'again',
    type: 'password',
    required: true,
    attributes: { autocomplete: 'new-password' },
  })
  const send = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault()
    fill(note)
    if (!formErrors(whole)) return
    const values = valuesOf(whole)
    if (values.password !== values.again) {
      fieldError(again, 'The two are not the same.')
      return again.querySelector('input')?.focus()
    }
    try {
      const body = {
        token,
        password: values.password,
        ...(kind === 'first' ? { name: values.name.trim(), display_name: values.display_name.trim() } : {}),
      }
      const state = await busy(button, post('setup', body))
      history.replaceState(null, '', pageUrl())
      await enter(state)
    } catch (error) {
      fill(note, problem(error))
    }
  }
  const whole = h(
    'form',
    { class: 'card stack', novalidate: true, on: { submit: send } },
    h('p', { class: 'faint' }, LEADS[/** @type {keyof LEADS} */ (kind)]),
    names,
    password,
    again,
    note,
    button,
  )
  return whole
}
