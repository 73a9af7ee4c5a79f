// @ts-check
/** Keys for programs and pages: made once, shown once, revoked at any time. */
import { del, get, post } from '../api.js'
import { labelOf } from '../bot_names.js'
import { h } from '../dom.js'
import { icon } from '../icons.js'
import { listed, load, seconds } from '../load.js'
import { badge, confirmDialog, dataTable, emptyState, formDialog, pageHead, toast, when } from '../ui.js'
import { showOnce } from '../shown_once.js'

const LEAD = 'What programs and pages identify themselves with. The whole key is shown once, when it is made.'
const TYPES = [
  { value: 'anon', label: 'Public: for pages, may stand in their source' },
  { value: 'tenant', label: 'Tenant: reaches all conversations of its tenant' },
  { value: 'service', label: 'Service: may do everything; keep it secret' },
]
const NAMES = { anon: 'public', service: 'service', tenant: 'tenant' }

export const page = {
  path: 'keys',
  title: 'Keys',
  role: 'admin',
  /** @param {HTMLElement} root */
  async show(root) {
    const list = h('div')
    const read = () =>
      load(
        list,
        () => get('keys'),
        (body) => table(listed(body), read),
      )
    root.replaceChildren(pageHead('Keys', { lead: LEAD, actions: [makeButton(read)] }), list)
    await read()
  },
}

/** @param {() => void} read */
function makeButton(read) {
  return h(
    'button',
    { type: 'button', class: 'button primary', on: { click: () => make(read) } },
    icon('plus'),
    'New key',
  )
}

/** @param {any[]} keys @param {() => void} read */
function table(keys, read) {
  return dataTable({
    label: 'Keys',
    rows: keys,
    rowClass: (key) => (key.revoked_at ? 'ended' : ''),
    empty: emptyState({
      icon: 'keys',
      title: 'No keys yet',
      text: 'The widget needs none. Make one for an SDK, a script, or another program.',
      action: makeButton(read),
    }),
    columns: [
      {
        key: 'name',
        label: 'Name',
        class: 'grow',
        render: (key) =>
          h(
            'div',
            null,
            h('strong', { dir: 'auto' }, key.name || '(no name)'),
            h('code', { class: 'below' }, key.hint),
          ),
      },
      {
        key: 'type',
        label: 'Type',
        render: (key) =>
          badge(NAMES[/** @type {'anon'} */ (key.type)] ?? key.type, key.type === 'service' ? 'warn' : ''),
      },
      { key: 'bot', label: 'Bot' },
      {
        key: 'origins',
        label: 'Pages',
        render: (key) => (key.origins?.length ? key.origins.join(', ') : 'all'),
      },
      { key: 'tenant', label: 'Tenant', class: 'wide-only' },
      { key: 'created_at', label: 'Made', render: (key) => when(seconds(key.created_at)) },
      {
        key: 'revoked_at',
        label: 'State',
        render: (key) =>
          key.revoked_at
            ? h('div', null, badge('revoked', 'bad'), ' ', when(seconds(key.revoked_at)))
            : badge('active', 'good'),
      },
      {
        key: 'id',
        label: '',
        class: 'tight',
        render: (key) =>
          !key.revoked_at &&
          h(
            'button',
            {
              type: 'button',
              class: 'button risky',
              'aria-label': `Revoke ${key.name || key.hint}`,
              on: { click: () => revoke(key, read) },
            },
            'Revoke',
          ),
      },
    ],
  })
}

/** @param {() => void} read */
async function make(read) {
  const bots = listed(await get('bots').catch(() => []))
  const made = await formDialog({
    title: 'New key',
    submit: 'Make the key',
    fields: [
      {
        label: 'Name',
        name: 'name',
        required: true,
        hint: 'For your team: what uses it.',
        attributes: { maxlength: 100, autocomplete: 'off' },
      },
      { label: 'Type', name: 'type', type: 'select', options: TYPES },
      {
        label: 'Bot',
        name: 'bot',
        type: 'select',
        options: [
          { value: '', label: 'Any' },
          ...bots.map((bot) => ({ value: bot.name, label: labelOf(bot) })),
        ],
        hint: 'Answers where a request names none.',
      },
      {
        label: 'Pages that may use it',
        name: 'origins',
        type: 'textarea',
        attributes: { rows: 2, placeholder: 'https://shop.example.com' },
        hint: 'One origin a line. Empty: all pages.',
      },
    ],
    action: ({ name, type, bot, origins }) =>
      post('keys', { name, type, bot: bot || null, origins: origins.split(/[\s,]+/).filter(Boolean) }),
  })
  if (!made) return
  await showOnce({ title: 'Your new key', text: 'Copy it now: it is not shown again.', secret: made.text })
  await read()
}

/** @param {any} key @param {() => void} read */
async function revoke(key, read) {
  const name = key.name || key.hint
  const loses = ['whatever uses this key is refused at once', 'it cannot be made good again']
  if (!(await confirmDialog({ title: `Revoke “${name}”?`, loses, action: 'Revoke' }))) return
  try {
    await del(`keys/${encodeURIComponent(key.id)}`)
    toast('The key was revoked.', 'good')
  } catch (error) {
    toast(error)
  }
  await read()
}
