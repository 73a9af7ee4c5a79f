// @ts-check
/** The team: who may use this console, and as what. */
import { del, get, patch, post } from '../api.js'
import { h } from '../dom.js'
import { icon } from '../icons.js'
import { listed, load, seconds } from '../load.js'
import { showOnce } from '../shown_once.js'
import { badge, confirmDialog, dataTable, emptyState, formDialog, pageHead, toast, when } from '../ui.js'

const LEAD =
  'Administrators may do everything. Operators see the overview, conversations and gaps, and talk to visitors.'
const ROLES = [
  { value: 'operator', label: 'Operator' },
  { value: 'admin', label: 'Administrator' },
]
const LINK_NOTE = 'It works once, within 24 hours. Send it to nobody else: whoever opens it chooses the password.'

export const page = {
  path: 'people',
  title: 'Team',
  role: 'admin',
  /** @param {HTMLElement} root @param {any} context */
  async show(root, { account }) {
    const list = h('div')
    const read = () =>
      load(
        list,
        () => get('accounts'),
        (body) => table(listed(body), account, read),
        { quiet: list.childElementCount > 0 },
      )
    root.replaceChildren(pageHead('Team', { lead: LEAD, actions: [inviteButton(read)] }), list)
    await read()
  },
}

/** @param {() => void} read */
function inviteButton(read) {
  return h(
    'button',
    { type: 'button', class: 'button primary', on: { click: () => invite(read) } },
    icon('plus'),
    'Invite somebody',
  )
}

/** @param {any[]} people @param {any} me @param {() => void} read */
function table(people, me, read) {
  return dataTable({
    label: 'Team',
    rows: people,
    rowClass: (one) => (one.disabled ? 'ended' : ''),
    empty: emptyState({ icon: 'people', title: 'Nobody yet', action: inviteButton(read) }),
    columns: [
      {
        key: 'name',
        label: 'Name',
        class: 'grow',
        render: (one) =>
          h(
            'div',
            null,
            h('strong', { dir: 'auto' }, one.display_name || one.name),
            one.name === me.name && [' ', badge('you', 'info')],
            one.name !== one.display_name && h('span', { class: 'faint below' }, one.name),
          ),
      },
      { key: 'role', label: 'Role', render: (one) => (one.role === 'admin' ? 'Administrator' : 'Operator') },
      {
        key: 'disabled',
        label: 'State',
        render: (one) =>
          one.disabled
            ? badge('disabled', 'bad')
            : one.pending
              ? badge('invited', 'warn')
              : badge('active', 'good'),
      },
      { key: 'totp', label: 'Second factor', render: (one) => (one.totp ? 'on' : 'off') },
      { key: 'seen_at', label: 'Last seen', render: (one) => when(seconds(one.seen_at)) },
      {
        key: 'created_at',
        label: 'Since',
        class: 'wide-only',
        render: (one) => when(seconds(one.created_at)),
      },
      {
        key: 'id',
        label: '',
        class: 'tight',
        render: (one) =>
          h(
            'button',
            {
              type: 'button',
              class: 'button',
              'aria-label': `Change ${one.display_name || one.name}`,
              on: { click: () => change(one, me, read) },
            },
            'Change',
          ),
      },
    ],
  })
}

/** @param {() => void} read */
async function invite(read) {
  const made = await formDialog({
    title: 'Invite somebody',
    submit: 'Make the link',
    fields: [
      {
        label: 'Account name',
        name: 'name',
        required: true,
        hint: 'For signing in: letters, digits, dots, dashes.',
        attributes: { autocomplete: 'off', autocapitalize: 'none', maxlength: 64 },
      },
      {
        label: 'Shown as',
        name: 'display_name',
        hint: 'What visitors see when this person joins a chat.',
        attributes: { autocomplete: 'off' },
      },
      { label: 'Role', name: 'role', type: 'select', options: ROLES },
    ],
    action: ({ name, display_name, role }) =>
      post('accounts', { name: name.trim(), display_name: display_name.trim() || name.trim(), role }),
  })
  if (!made) return
  await showOnce({
    title: 'The invitation',
    text: 'Send this link to them. With it they choose their password.',
    secret: made.link,
    note: LINK_NOTE,
  })
  await read()
}

/** @param {any} one @param {any} me @param {() => void} read */
async function change(one, me, read) {
  const path = `accounts/${encodeURIComponent(one.name)}`
  const name = one.display_name || one.name
  const extra = h(
    'div',
    { class: 'row' },
    h(
      'button',
      { type: 'button', class: 'button', on: { click: () => leave(() => newLink(one, path)) } },
      one.pending ? 'New invitation link' : 'Reset the password',
    ),
    one.name !== me.name &&
      h(
        'button',
        {
          type: 'button',
          class: 'button risky',
          on: { click: () => leave(() => toggle(one, name, path, read)) },
        },
        one.disabled ? 'Enable' : 'Disable',
      ),
    one.name !== me.name &&
      h(
        'button',
        { type: 'button', class: 'button risky', on: { click: () => leave(() => remove(name, path, read)) } },
        'Remove',
      ),
  )
  const leave = (/** @type {() => Promise<void>} */ then) => {
    extra.closest('dialog')?.close()
    then()
  }
  const saved = await formDialog({
    title: `Change ${name}`,
    fields: [
      { label: 'Shown as', name: 'display_name', value: one.display_name },
      { label: 'Role', name: 'role', type: 'select', options: ROLES, value: one.role },
    ],
    content: extra,
    action: ({ display_name, role }) =>
      patch(path, {
        ...(display_name === one.display_name ? {} : { display_name }),
        ...(role === one.role ? {} : { role }),
      }),
  })
  if (!saved) return
  toast('Saved.', 'good')
  await read()
}

/** @param {any} one @param {string} path */
async function newLink(one, path) {
  if (
    !one.pending &&
    !(await confirmDialog({
      title: `Reset the password of ${one.display_name || one.name}?`,
      text: 'You get a link with which they choose a new one. The old password works until then.',
      action: 'Make the link',
      harmless: true,
    }))
  )
    return
  try {
    const { link } = await post(`${path}/link`)
    await showOnce({
      title: 'The link',
      text: 'Send this link to them. With it they choose their password.',
      secret: link,
      note: LINK_NOTE,
    })
  } catch (error) {
    toast(error)
  }
}

/** @param {any} one @param {string} name @param {string} path @param {() => void} read */
async function toggle(one, name, path, read) {
  if (
    !one.disabled &&
    !(await confirmDialog({
      title: `Disable ${name}?`,
      text: 'You can enable them again.',
      loses: ['they are signed out everywhere, at once'],
      action: 'Disable',
    }))
  )
    return
  await make(
    patch(path, { disabled: !one.disabled }),
    one.disabled ? `${name} may sign in again.` : `${name} was disabled.`,
    read,
  )
}

/** @param {string} name @param {string} path @param {() => void} read */
async function remove(name, path, read) {
  const loses = ['their account, password and second factor', 'they are signed out everywhere, at once']
  if (
    await confirmDialog({
      title: `Remove ${name}?`,
      text: 'What they did stays in the audit log.',
      loses,
      action: 'Remove',
    })
  )
    await make(del(path), `${name} was removed.`, read)
}

/** @param {Promise<any>} work @param {string} text @param {() => void} read */
async function make(work, text, read) {
  try {
    await work
    toast(text, 'good')
  } catch (error) {
    toast(error)
  }
  await read()
}
