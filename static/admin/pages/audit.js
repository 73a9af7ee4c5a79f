// @ts-check
/** Everything that was done: by whom, to what, when. */
import { download, get } from '../api.js'
import { fill, h } from '../dom.js'
import { icon } from '../icons.js'
import { facts, listed, load, seconds } from '../load.js'
import {
  busy,
  copyButton,
  dataTable,
  emptyState,
  exactTime,
  openDialog,
  pageHead,
  pager,
  toast,
  when,
} from '../ui.js'

const LEAD = 'Who did what, and when. Nobody can change it here.'
const TYPING_MS = 250
const PAGE = 50

export const page = {
  path: 'audit',
  title: 'Audit log',
  role: 'admin',
  /** @param {HTMLElement} root @param {any} context */
  async show(root, { query, setQuery }) {
    const trail = new Trail(query, setQuery)
    root.replaceChildren(pageHead('Audit log', { lead: LEAD, actions: [trail.saveButton] }), trail.node)
    await Promise.all([trail.read(), trail.offerActions()])
  },
}

class Trail {
  /** @param {any} query @param {(query: any) => void} setQuery */
  constructor(query, setQuery) {
    this.setQuery = setQuery
    const typed = { on: { input: () => this.#typed() } }
    this.q = h('input', {
      type: 'search',
      name: 'q',
      value: query.q ?? '',
      placeholder: 'Target or detail',
      ...typed,
    })
    this.actor = h('input', {
      type: 'search',
      name: 'actor',
      value: query.actor ?? '',
      placeholder: 'such as admin:ana',
      ...typed,
    })
    this.action = h(
      'select',
      { name: 'action', on: { change: () => this.read() } },
      h('option', { value: '' }, 'All'),
    )
    this.wanted = query.action ?? ''
    this.list = h('div', { class: 'stack' })
    this.saveButton = h(
      'button',
      { type: 'button', class: 'button', on: { click: () => this.#save() } },
      icon('download'),
      'Save as CSV',
    )
    this.node = h(
      'div',
      { class: 'stack' },
      h(
        'div',
        { class: 'filters' },
        labelled('Search', this.q, 'search'),
        labelled('Action', this.action),
        labelled('By', this.actor),
      ),
      this.list,
    )
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined
    this.turn = 0
  }

  async offerActions() {
    const names = listed(await get('audit/actions').catch(() => []))
    this.action.append(...names.map((name) => h('option', { value: name }, name)))
    this.action.value = this.wanted
    if (this.action.value !== this.wanted) this.action.value = ''
  }

  #filters() {
    const action = this.action.options.length > 1 ? this.action.value : this.wanted
    return { q: this.q.value.trim(), action, actor: this.actor.value.trim() }
  }

  #typed() {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.read(), TYPING_MS)
  }

  async read() {
    const turn = ++this.turn
    const filters = this.#filters()
    this.setQuery(filters)
    const box = h('div', { class: 'stack' })
    if (!this.list.childElementCount) fill(this.list, box)
    await load(
      box,
      () => get('audit', { ...filters, limit: PAGE }),
      (body) => this.#show(filters, body),
    )
    if (turn === this.turn && !box.isConnected) fill(this.list, box)
  }

  /** @param {any} filters @param {any} body @param {any[]} [before] */
  #show(filters, body, before = []) {
    const fresh = listed(body)
    const rows = [...before, ...fresh]
    const next = body.next ?? (fresh.length === PAGE ? String(fresh.at(-1)?.id) : null)
    const more = async () => {
      const older = await get('audit', { ...filters, limit: PAGE, before: next }).catch(toast)
      if (older) fill(this.list, this.#show(filters, older, rows))
    }
    return [
      this.#table(rows),
      rows.length > 0 && pager({ shown: rows.length, total: body.total, next, onMore: more }),
    ]
  }

  /** @param {any[]} rows */
  #table(rows) {
    return dataTable({
      label: 'Audit log',
      rows,
      onRow: (one) => showEntry(one),
      empty: emptyState({ icon: 'audit', title: 'Nothing fits', text: 'Take a filter away to see more.' }),
      columns: [
        { key: 'at', label: 'When', class: 'tight', render: (one) => when(seconds(one.at)) },
        { key: 'actor', label: 'By', render: (one) => one.actor || 'nobody' },
        { key: 'action', label: 'Action', render: (one) => h('code', null, one.action) },
        {
          key: 'target',
          label: 'Target',
          class: 'grow',
          render: (one) => h('span', { dir: 'auto' }, targetOf(one)),
        },
        {
          key: 'details',
          label: 'Details',
          class: 'wide-only',
          render: (one) => h('span', { class: 'faint clipped' }, inShort(one.details)),
        },
      ],
    })
  }

  async #save() {
    try {
      await busy(this.saveButton, download('audit/export', { query: this.#filters(), name: 'audit.csv' }))
    } catch (error) {
      toast(error)
    }
  }
}

/** @param {string} label @param {HTMLElement} control @param {string} [classes] */
function labelled(label, control, classes = '') {
  const id = `filter-${control.getAttribute('name')}`
  control.id = id
  return h('div', { class: `field ${classes}` }, h('label', { for: id }, label), control)
}

/** @param {any} details */
function inShort(details) {
  const pairs = Object.entries(details ?? {}).map(
    ([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  return pairs.join(', ').slice(0, 160)
}

/** @param {any} one */
function showEntry(one) {
  const whole = JSON.stringify(one.details ?? {}, null, 2)
  return openDialog({
    title: one.action,
    wide: true,
    content: () => [
      facts([
        ['When', exactTime(seconds(one.at))],
        ['By', one.actor || 'nobody'],
        ['Target', h('span', { dir: 'auto' }, targetOf(one))],
        ['Number', String(one.id)],
      ]),
      h('h3', null, 'Details'),
      h('pre', { tabindex: 0, 'aria-label': 'Details', role: 'region', dir: 'auto' }, whole),
      h('div', { class: 'dialog-foot' }, copyButton(JSON.stringify(one, null, 2))),
    ],
  })
}

/** Bots are noted by ids that tell nobody anything; their names stand beside. @param {any} one @returns {string} */
function targetOf({ target, details }) {
  return Array.isArray(details?.bot) && target && !target.includes(':') ? `bot:${details.bot.join('/')}` : target
}
