// @ts-check
/** Copies of everything: made while people chat, checked, taken away, deleted. */
import { apiUrl, del, get, post } from '../api.js'
import { fill, h } from '../dom.js'
import { icon } from '../icons.js'
import { listed, load, seconds } from '../load.js'
import {
  badge,
  busy,
  bytes,
  card,
  confirmDialog,
  copyButton,
  dataTable,
  emptyState,
  exactTime,
  pageHead,
  problem,
  toast,
} from '../ui.js'

const LEAD =
  'A backup is the whole database: conversations, documents, your data, keys and settings. People chat on while it is made.'
const RESTORE = 'appliance restore BACKUP --data DATA_FOLDER'

export const page = {
  path: 'backups',
  title: 'Backups',
  role: 'admin',
  /** @param {HTMLElement} root */
  async show(root) {
    const backups = new Backups()
    root.replaceChildren(
      pageHead('Backups', { lead: LEAD, actions: [backups.makeButton] }),
      backups.work,
      backups.list,
      howToRestore(),
    )
    await backups.read()
  },
}

class Backups {
  list = h('div')
  work = h('div', { role: 'status' })
  makeButton = h(
    'button',
    { type: 'button', class: 'button primary', on: { click: () => this.make() } },
    icon('plus'),
    'Make a backup',
  )

  read() {
    return load(
      this.list,
      () => get('backups'),
      (body) => this.#table(listed(body)),
      { quiet: this.list.childElementCount > 0 },
    )
  }

  /** @param {any[]} items */
  #table(items) {
    return dataTable({
      label: 'Backups',
      rows: items,
      empty: emptyState({
        icon: 'backups',
        title: 'No backup yet',
        text: 'Make one now, then keep a copy on another machine.',
      }),
      columns: [
        { key: 'name', label: 'Name', class: 'grow', render: (one) => h('code', null, one.name) },
        { key: 'at', label: 'Made', render: (one) => exactTime(seconds(one.at)) },
        { key: 'bytes', label: 'Size', numeric: true, render: (one) => bytes(one.bytes) },
        { key: 'id', label: '', class: 'tight', render: (one) => this.#buttons(one) },
      ],
    })
  }

  /** @param {any} one */
  #buttons(one) {
    const outcome = h('span', { role: 'status' })
    const verify = h(
      'button',
      {
        type: 'button',
        class: 'button',
        'aria-label': `Verify ${one.name}`,
        on: { click: () => this.#verify(one, verify, outcome) },
      },
      'Verify',
    )
    return h(
      'div',
      { class: 'row' },
      outcome,
      verify,
      h(
        'a',
        {
          class: 'button',
          href: apiUrl(path(one)),
          download: one.name,
          'aria-label': `Download ${one.name}`,
        },
        icon('download'),
        'Download',
      ),
      h(
        'button',
        {
          type: 'button',
          class: 'button risky',
          'aria-label': `Delete ${one.name}`,
          on: { click: () => this.#remove(one) },
        },
        'Delete',
      ),
    )
  }

  async make() {
    const began = Date.now()
    const clock = h('span', null, '0 s')
    const tick = setInterval(() => fill(clock, `${Math.round((Date.now() - began) / 1000)} s`), 1000)
    fill(
      this.work,
      h(
        'div',
        { class: 'notice' },
        h('span', { class: 'unseen' }, 'A backup is being made.'),
        h('progress', { 'aria-label': 'A backup is being made' }),
        h('span', { 'aria-hidden': 'true' }, 'Copying and checking… ', clock),
      ),
    )
    try {
      const made = await busy(this.makeButton, post('backups'))
      fill(
        this.work,
        h(
          'p',
          { class: 'notice good' },
          `${made.name} was made: ${bytes(made.bytes)}. Download it, and keep it on another machine.`,
        ),
      )
    } catch (error) {
      fill(this.work, problem(error))
    } finally {
      clearInterval(tick)
    }
    await this.read()
  }

  /** @param {any} one @param {HTMLButtonElement} button @param {HTMLElement} outcome */
  async #verify(one, button, outcome) {
    fill(outcome)
    try {
      const { ok, detail } = await busy(button, post(`${path(one)}/verify`))
      fill(outcome, badge(ok ? 'whole' : 'damaged', ok ? 'good' : 'bad'))
      toast(
        detail ||
          (ok ? 'The backup is whole and can be restored.' : 'The backup is damaged. Make a new one.'),
        ok ? 'good' : 'bad',
      )
    } catch (error) {
      toast(error)
    }
  }

  /** @param {any} one */
  async #remove(one) {
    const last = this.list.querySelectorAll('tbody tr').length === 1 ? ['your only backup here'] : []
    if (
      !(await confirmDialog({
        title: `Delete ${one.name}?`,
        loses: [`the state of ${exactTime(seconds(one.at))}, ${bytes(one.bytes)}`, ...last],
      }))
    )
      return
    try {
      await del(path(one))
      toast('The backup was deleted.', 'good')
    } catch (error) {
      toast(error)
    }
    await this.read()
  }
}

function howToRestore() {
  return card(
    'How to restore one',
    {},
    h(
      'ol',
      { class: 'steps' },
      h('li', null, 'Stop the appliance.'),
      h(
        'li',
        null,
        'Put the backup in place of the database: ',
        h('div', { class: 'command' }, h('code', null, RESTORE), copyButton(RESTORE)),
      ),
      h('li', null, 'Start it again. The database from before is kept beside it, under another name.'),
    ),
    h(
      'p',
      { class: 'faint' },
      'Bot files, data.yaml and secrets.key are not in a backup: keep copies of them, too. Without secrets.key nobody can read stored secrets.',
    ),
  )
}

/** @param {any} one */
const path = (one) => `backups/${encodeURIComponent(one.name)}`
