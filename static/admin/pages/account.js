// @ts-check
/** One's own account: the shown name, the password, the second factor, and where one is signed in. */
import { del, get, post, put } from '../api.js'
import { fill, h } from '../dom.js'
import { newPasswordField } from '../passwords.js'
import { qrCode } from '../qr.js'
import {
  badge,
  busy,
  card,
  confirmDialog,
  copyButton,
  dataTable,
  field,
  fieldError,
  formDialog,
  formErrors,
  pageHead,
  problem,
  toast,
  valuesOf,
  when,
} from '../ui.js'

/** @type {import('../pages.js').Page} */
export const page = {
  path: 'account',
  title: 'Your account',
  async show(root, { account, session, enter }) {
    const sessions = h('div')
    const lead = [
      `Signed in as ${account.name}, `,
      account.role === 'admin' ? 'administrator' : 'operator',
      '.',
    ]
    const renew = async () => enter(await get('session'))
    root.append(
      pageHead('Your account', { lead: h('span', null, lead) }),
      h(
        'div',
        { class: 'columns' },
        h('div', { class: 'stack' }, nameCard(account, renew), secondFactor(account, renew)),
        passwordCard(account),
      ),
      card('Where you are signed in', { actions: [] }, sessions),
    )
    await showSessions(sessions, session)
  },
}

/** @param {import('../pages.js').Account} account @param {() => Promise<void>} renew */
function nameCard(account, renew) {
  return smallForm(
    'Shown name',
    'Save',
    [
      field({
        label: 'Shown as',
        name: 'display_name',
        value: account.display_name,
        hint: 'Colleagues see it, and visitors when you step into their chat.',
        attributes: { maxlength: 80, autocomplete: 'name' },
      }),
    ],
    async ({ display_name }) => {
      await put('account', { display_name: display_name.trim() })
      toast('Saved.', 'good')
      await renew()
    },
  )
}

/** @param {import('../pages.js').Account} account */
function passwordCard(account) {
  const again = field({
    label: 'New password again',
    name: 'again',
    type: 'password',
    required: true,
    attributes: { autocomplete: 'new-password' },
  })
  return smallForm(
    'Password',
    'Change the password',
    [
      h('input', {
        type: 'text',
        class: 'unseen',
        autocomplete: 'username',
        value: account.name,
        tabindex: -1,
        'aria-hidden': 'true',
        readonly: true,
      }),
      field({
        label: 'Password now',
        name: 'old',
        type: 'password',
        required: true,
        attributes: { autocomplete: 'current-password' },
      }),
      newPasswordField({ name: 'new', known: () => [account.name] }),
      again,
    ],
    async (values, form) => {
      if (values.new !== values.again) {
        fieldError(again, 'The two are not the same.')
        return again.querySelector('input')?.focus()
      }
      await put('account/password', { old: values.old, new: values.new })
      form.reset()
      form.querySelectorAll('input').forEach((input) => input.dispatchEvent(new Event('input')))
      toast('The password is changed. Other places where you were signed in are signed out.', 'good')
    },
  )
}

/**
 * @param {string} title @param {string} submit @param {Element[]} content
 * @param {(values: Record<string, any>, form: HTMLFormElement) => unknown} action
 */
function smallForm(title, submit, content, action) {
  const note = h('div', { class: 'dialog-error' })
  const button = h('button', { type: 'submit', class: 'button' }, submit)
  const send = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault()
    fill(note)
    if (!formErrors(form)) return
    try {
      await busy(button, Promise.resolve(action(valuesOf(form), form)))
    } catch (error) {
      fill(note, problem(error))
    }
  }
  const form = h(
    'form',
    { class: 'stack', novalidate: true, on: { submit: send } },
    content,
    note,
    h('div', null, button),
  )
  return card(title, {}, form)
}

// -- second factor ---------------------------------------------------------------------------------------

/** @param {import('../pages.js').Account} account @param {() => Promise<void>} renew */
function secondFactor(account, renew) {
  const start = h(
    'button',
    {
      type: 'button',
      class: 'button',
      on: { click: async () => (await turnOn(await busy(start, post('account/totp')))) && renew() },
    },
    'Turn on',
  )
  const stop = h(
    'button',
    { type: 'button', class: 'button risky', on: { click: async () => (await turnOff()) && renew() } },
    'Turn off',
  )
  return card(
    'Second factor',
    { actions: [account.totp ? badge('On', 'good') : badge('Off')] },
    h(
      'p',
      { class: 'faint' },
      account.totp
        ? 'Signing in asks for a code of your authenticator app, too.'
        : 'A code of an authenticator app, besides the password: a stolen password alone is then worth nothing.',
    ),
    h('div', null, account.totp ? stop : start),
  )
}

/** @param {{secret: string, uri: string, qr: number[][]}} offer */
function turnOn({ secret, uri, qr }) {
  return formDialog({
    title: 'Turn on the second factor',
    submit: 'Turn on',
    content: [
      h('p', null, 'Scan this with an authenticator app, then type the code that it shows.'),
      qrCode(qr, 'QR code for the authenticator app'),
      h(
        'details',
        null,
        h('summary', null, 'It cannot be scanned?'),
        h('p', { class: 'faint' }, 'Type this key into the app:'),
        h(
          'div',
          { class: 'row' },
          h('code', null, secret.replace(/(.{4})(?=.)/g, '$1 ')),
          copyButton(secret),
        ),
        h('p', { class: 'small faint code' }, uri),
      ),
      field({
        label: 'Code',
        name: 'code',
        required: true,
        attributes: { autocomplete: 'one-time-code', inputmode: 'numeric', maxlength: 10, autofocus: true },
      }),
    ],
    action: async ({ code }) => {
      await post('account/totp/confirm', { code: code.replace(/\s/g, '') })
      toast('The second factor is on.', 'good')
      return true
    },
  })
}

function turnOff() {
  return formDialog({
    title: 'Turn off the second factor?',
    text: 'The password alone will do again.',
    submit: 'Turn off',
    fields: [
      {
        label: 'Password',
        name: 'password',
        type: 'password',
        required: true,
        attributes: { autocomplete: 'current-password' },
      },
    ],
    action: async ({ password }) => {
      await del('account/totp', { password })
      toast('The second factor is off.')
    },
  })
}

// -- sessions --------------------------------------------------------------------------------------------

/** @param {HTMLElement} root @param {any} session */
async function showSessions(root, session) {
  const { items } = await get('account/sessions')
  const end = async (/** @type {any} */ one) => {
    const sure = await confirmDialog({
      title: 'Sign out there?',
      text: `${browserOf(one.user_agent)} has to sign in again.`,
      action: 'Sign out',
    })
    if (!sure) return
    await del(`account/sessions/${encodeURIComponent(one.id)}`)
    await showSessions(root, session)
  }
  fill(
    root,
    dataTable({
      label: 'Sessions',
      rows: items,
      columns: [
        {
          key: 'agent',
          label: 'Browser',
          class: 'grow',
          render: (one) => [
            h('span', { title: one.user_agent }, browserOf(one.user_agent)),
            ' ',
            one.current && badge('This one', 'info'),
          ],
        },
        { key: 'ip', label: 'Address', class: 'tight' },
        { key: 'created_at', label: 'Signed in', class: 'tight', render: (one) => when(one.created_at) },
        { key: 'seen_at', label: 'Last seen', class: 'tight', render: (one) => when(one.seen_at) },
        {
          key: 'end',
          label: '',
          class: 'tight',
          render: (one) =>
            !one.current &&
            h(
              'button',
              { type: 'button', class: 'button small risky', on: { click: () => end(one) } },
              'Sign out',
            ),
        },
      ],
    }),
  )
}

/** What a browser calls itself, in words; all of it when nothing is known in it. @param {string} agent */
function browserOf(agent) {
  const browser = [
    ['Edg/', 'Edge'],
    ['OPR/', 'Opera'],
    ['Firefox/', 'Firefox'],
    ['Chrome/', 'Chrome'],
    ['Safari/', 'Safari'],
  ].find(([mark]) => agent?.includes(mark))
  const system = [
    ['iPhone', 'iPhone'],
    ['iPad', 'iPad'],
    ['Android', 'Android'],
    ['Windows', 'Windows'],
    ['Mac OS', 'macOS'],
    ['Linux', 'Linux'],
  ].find(([mark]) => agent?.includes(mark))
  return browser && system ? `${browser[1]} on ${system[1]}` : agent || 'Unknown browser'
}
