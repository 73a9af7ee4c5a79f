// @ts-check
/** How this appliance is set up: the environment, values and secrets for bots, prices and the month's budget. */
import { del, get, post, put } from '../api.js'
import { fill, h } from '../dom.js'
import { icon } from '../icons.js'
import { load, seconds } from '../load.js'
import { showOnce } from '../shown_once.js'
import {
  badge,
  busy,
  card,
  confirmDialog,
  dataTable,
  emptyState,
  exactTime,
  field,
  formDialog,
  formErrors,
  iconButton,
  pageHead,
  problem,
  tabs,
  toast,
  valuesOf,
  when,
} from '../ui.js'

export const page = {
  path: 'settings',
  title: 'Settings',
  role: 'admin',
  /** @param {HTMLElement} root @param {any} context */
  async show(root, { query, setQuery }) {
    root.replaceChildren(
      pageHead('Settings'),
      tabs(
        [
          { id: 'values', label: 'Values and secrets', show: values },
          { id: 'prices', label: 'Prices and budget', show: prices },
          { id: 'widget', label: 'Widget', show: widget },
          { id: 'environment', label: 'Environment', show: environment },
        ],
        {
          active: query.tab,
          label: 'Settings',
          onChange: (tab) => setQuery({ tab: tab === 'values' ? null : tab }),
        },
      ),
    )
  },
}

// -- values and secrets for bots ---------------------------------------------------------------------

/** @param {HTMLElement} panel @returns {Promise<void>} */
async function values(panel) {
  const read = () => values(panel)
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

// -- prices ------------------------------------------------------------------------------------------

/** @param {HTMLElement} panel */
function prices(panel) {
  return load(
    panel,
    () => get('prices'),
    (body) => h('div', { class: 'narrow' }, new Prices(body).node),
  )
}

class Prices {
  /** @param {any} body */
  constructor({ currency, items, month_budget: budget, stop }) {
    this.rows = h('tbody')
    this.note = h('div')
    this.button = h('button', { type: 'submit', class: 'button primary' }, 'Save')
    for (const item of items) this.#add(item)
    const add = h(
      'button',
      { type: 'button', class: 'button', on: { click: () => this.#add({}, true) } },
      icon('plus'),
      'Add a model',
    )
    this.currency = field({
      label: 'Currency',
      name: 'currency',
      value: currency,
      required: true,
      hint: 'Three letters, such as EUR.',
      attributes: { maxlength: 3, pattern: '[A-Za-z]{3}' },
    })
    this.form = h(
      'form',
      {
        class: 'stack',
        novalidate: true,
        on: { submit: (/** @type {SubmitEvent} */ event) => this.#save(event) },
      },
      h(
        'div',
        { class: 'pair' },
        this.currency,
        field({
          label: 'Budget of a month',
          name: 'month_budget',
          type: 'number',
          value: budget,
          hint: 'The overview warns near it. Empty: none.',
          attributes: { min: 0, step: 'any' },
        }),
      ),
      field({
        label: 'Stop when the budget is used up',
        name: 'stop',
        type: 'checkbox',
        value: stop,
        hint: 'Bots do not answer any more until the next month. Without it there is only a warning.',
      }),
      h('h3', null, 'Price of a million tokens'),
      h('p', { class: 'faint' }, 'Models without a price cost nothing in the figures.'),
      h(
        'table',
        { class: 'prices' },
        h(
          'thead',
          null,
          h(
            'tr',
            null,
            ['Model', 'Read', 'Written', ''].map((label) =>
              h('th', { scope: 'col' }, label || h('span', { class: 'unseen' }, 'Remove')),
            ),
          ),
        ),
        this.rows,
      ),
      h('div', { class: 'row' }, add),
      this.note,
      h('div', { class: 'dialog-foot' }, this.button),
    )
    this.node = card('Prices and budget', {}, this.form)
  }

  /** @param {any} item @param {boolean} [focus] */
  #add({ model = '', prompt_per_million: read = '', completion_per_million: written = '' }, focus = false) {
    const box = (/** @type {string} */ label, /** @type {any} */ value, /** @type {any} */ more) =>
      h('td', null, h('input', { 'aria-label': label, value: value ?? '', ...more }))
    const price = { type: 'number', min: 0, step: 'any', inputmode: 'decimal' }
    const row = h(
      'tr',
      null,
      box('Model', model, { type: 'text', maxlength: 200 }),
      box('Price of what is read', read, price),
      box('Price of what is written', written, price),
      h(
        'td',
        { class: 'tight' },
        iconButton('trash', `Remove ${model || 'this model'}`, () => row.remove()),
      ),
    )
    this.rows.append(row)
    if (focus) row.querySelector('input').focus()
  }

  #items() {
    const rows = [.../** @type {HTMLCollectionOf<HTMLTableRowElement>} */ (this.rows.rows)]
    const all = rows.map((row) => [...row.querySelectorAll('input')].map((input) => input.value.trim()))
    return all
      .filter(([model]) => model)
      .map(([model, read, written]) => ({
        model,
        prompt_per_million: Number(read || 0),
        completion_per_million: Number(written || 0),
      }))
  }

  /** @param {SubmitEvent} event */
  async #save(event) {
    event.preventDefault()
    if (!formErrors(this.form)) return
    const { currency, month_budget, stop } = valuesOf(this.form)
    fill(this.note)
    try {
      await busy(
        this.button,
        put('prices', { currency: currency.toUpperCase(), items: this.#items(), month_budget, stop }),
      )
      toast('Prices and budget were saved.', 'good')
    } catch (error) {
      fill(this.note, problem(error))
    }
  }
}

// -- the widget's identity secret --------------------------------------------------------------------

/** @param {HTMLElement} panel @returns {Promise<void>} */
async function widget(panel) {
  await load(
    panel,
    () => get('settings'),
    (body) => {
      const { identity_secret_hint: hint, previous_secret_until: until } = body.widget
      const rotate = h(
        'button',
        {
          type: 'button',
          class: hint ? 'button danger' : 'button primary',
          on: { click: () => newSecret(panel, hint, rotate) },
        },
        hint ? 'Make a new secret' : 'Make the secret',
      )
      return h(
        'div',
        { class: 'narrow' },
        card(
          'Identity secret',
          {},
          h(
            'p',
            null,
            'Your site signs the ids of its users with it, so that the widget knows who they are and nobody can pretend to be another.',
          ),
          hint
            ? h('p', null, 'The secret in use: ', h('code', null, hint))
            : h('p', { class: 'faint' }, 'There is none yet: everybody is a visitor without a name.'),
          until && h('p', { class: 'notice warn' }, `The one before is accepted until ${exactTime(until)}.`),
          rotate,
        ),
      )
    },
  )
}

/** @param {HTMLElement} panel @param {string} hint @param {HTMLButtonElement} button */
async function newSecret(panel, hint, button) {
  const loses = [
    'the secret in use is refused after a day: until then your site has to sign with the new one',
    'one that was replaced within the last day is refused at once',
  ]
  if (
    hint &&
    !(await confirmDialog({
      title: 'Make a new identity secret?',
      loses,
      action: 'Make a new one',
      type: 'rotate',
    }))
  )
    return
  try {
    const { secret } = await busy(button, post('settings/identity-secret'))
    await showOnce({
      title: 'The identity secret',
      text: 'Copy it to your site’s server now: it is not shown again.',
      secret,
      note: 'Never put it into a page.',
    })
  } catch (error) {
    toast(error)
  }
  await widget(panel)
}

// -- the environment ---------------------------------------------------------------------------------

/** @param {HTMLElement} panel */
function environment(panel) {
  const search = h('input', {
    type: 'search',
    'aria-label': 'Search the environment',
    placeholder: 'Search',
    on: { input: () => show() },
  })
  const only = h('input', { type: 'checkbox', id: 'only-set', on: { change: () => show() } })
  const list = h('div')
  /** @type {any[]} */
  let all = []
  const show = () => {
    const words = search.value.trim().toLowerCase()
    const rows = all.filter((one) => (!only.checked || one.set) && one.name.toLowerCase().includes(words))
    fill(list, table(rows))
  }
  return load(
    panel,
    () => get('settings'),
    (body) => {
      all = body.environment
      show()
      return [
        h(
          'p',
          { class: 'faint' },
          'Set by variables when the appliance is started. They cannot be changed here.',
        ),
        h(
          'div',
          { class: 'filters' },
          h('div', { class: 'search' }, search),
          h('label', { class: 'row', for: 'only-set' }, only, 'Only what was set'),
        ),
        list,
      ]
    },
  )
}

/** @param {any[]} rows */
function table(rows) {
  return dataTable({
    label: 'Environment',
    rows,
    empty: emptyState({
      title: 'Nothing fits',
      text: 'Search for something else, or show those that were not set, too.',
    }),
    columns: [
      { key: 'name', label: 'Variable', class: 'grow', render: (one) => h('code', null, one.name) },
      { key: 'value', label: 'Value', render: (one) => h('code', { dir: 'auto' }, shown(one.value)) },
      {
        key: 'default',
        label: 'Default',
        class: 'wide-only',
        render: (one) => h('code', { class: 'faint' }, shown(one.default)),
      },
      { key: 'set', label: 'From', render: (one) => (one.set ? badge('set', 'info') : badge('default')) },
    ],
  })
}

/** @param {unknown} value */
function shown(value) {
  return value === null || value === undefined || value === '' ? '(empty)' : String(value)
}
