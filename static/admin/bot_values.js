// @ts-check
/** Values and secrets for bots, which stand in their files by name only. */
import { del, get, put } from './api.js'
import { h } from './dom.js'
import { icon } from './icons.js'
import { load, seconds } from './load.js'
import { badge, confirmDialog, dataTable, emptyState, formDialog, toast, when } from './ui.js'

/** @param {HTMLElement} panel @returns {Promise<void>} */
export async function botValues(panel) {
  const read = () => botValues(panel)
  const add = () =>
    h(
      'button',
      { type: 'button', class: 'button primary', on: { click: () => editValue(read) } },
      icon('plus'),
      'Add a value',
    )
  await load(
    panel,
    () => get('settings'),
    ({ stored }) => [
      h(
        'div',
        { class: 'row' },
        h(
          'p',
          { class: 'faint grow' },
          'Bots name them as {{key}} in prompts and headers. Secrets are kept encrypted and are never shown again.',
        ),
        add(),
      ),
      dataTable({
        label: 'Values and secrets',
        rows: stored,
        empty: emptyState({
          icon: 'settings',
          title: 'No values yet',
          text: 'Add one for what a bot’s file should not hold, such as the key of a service.',
          action: add(),
        }),
        columns: [
          { key: 'key', label: 'Key', class: 'grow', render: (one) => h('code', null, one.key) },
          {
            key: 'value',
            label: 'Value',
            render: (one) =>
              one.secret
                ? h('span', null, '•••••••• ', badge('secret', 'warn'))
                : h('span', { dir: 'auto' }, one.value ?? 'cannot be read: write it anew'),
          },
          { key: 'updated_at', label: 'Changed', render: (one) => when(seconds(one.updated_at)) },
          {
            key: 'id',
            label: '',
            class: 'tight',
            render: (one) =>
              h(
                'div',
                { class: 'row' },
                h(
                  'button',
                  {
                    type: 'button',
                    class: 'button',
                    'aria-label': `Change ${one.key}`,
                    on: { click: () => editValue(read, one) },
                  },
                  'Change',
                ),
                h(
                  'button',
                  {
                    type: 'button',
                    class: 'button risky',
                    'aria-label': `Delete ${one.key}`,
                    on: { click: () => removeValue(read, one) },
                  },
                  'Delete',
                ),
              ),
          },
        ],
      }),
    ],
    { quiet: panel.childElementCount > 0 },
  )
}

/** @param {() => Promise<void>} read @param {any} [one] */
async function editValue(read, one) {
  const saved = await formDialog({
    title: one ? `Change ${one.key}` : 'Add a value',
    fields: [
      ...(one
        ? []
        : [
            {
              label: 'Key',
              name: 'key',
              required: true,
              hint: 'Letters, digits and _, such as SHOP_KEY.',
              attributes: { autocomplete: 'off', spellcheck: 'false' },
            },
          ]),
      {
        label: 'Value',
        name: 'value',
        type: 'textarea',
        required: true,
        value: one && !one.secret ? one.value : '',
        hint: one?.secret ? 'The old one is not shown; write a new one.' : '',
        attributes: { rows: 3, autocomplete: 'off', spellcheck: 'false' },
      },
      {
        label: 'Secret',
        name: 'secret',
        type: 'checkbox',
        value: one ? one.secret : true,
        hint: 'Encrypted, never shown again, and never part of a prompt.',
      },
    ],
    action: ({ key, value, secret }) =>
      put(`settings/${encodeURIComponent(one?.key ?? key.trim())}`, { value, secret }),
  })
  if (!saved) return
  toast('Saved. Bots use it from the next question on.', 'good')
  await read()
}

/** @param {() => Promise<void>} read @param {any} one */
async function removeValue(read, one) {
  const loses = [
    'the value; nobody can read it from here again',
    'bots that name it work without it, or not at all',
  ]
  if (!(await confirmDialog({ title: `Delete ${one.key}?`, loses }))) return
  try {
    await del(`settings/${encodeURIComponent(one.key)}`)
    toast('The value was deleted.', 'good')
  } catch (error) {
    toast(error)
  }
  await read()
}
