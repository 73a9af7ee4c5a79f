// @ts-check
/** All conversations: search, filters, who waits on top, and new ones as they come. */
import { get, live } from '../api.js'
import { botCell, personCell, stateCell, timeCell, titleCell } from '../conversation_cells.js'
import { fill, h } from '../dom.js'
import { pageUrl } from '../route.js'
import { card, dataTable, emptyState, field, number, pageHead, pager, problem } from '../ui.js'

/** @typedef {import('../conversation_cells.js').Conversation} Conversation */

const PAGE = 50
const TYPING_MS = 250
const FILTERS = ['q', 'bot', 'source', 'handoff', 'feedback', 'errors', 'person', 'start', 'end']
const DAY_S = 86_400

/** @type {import('../pages.js').Page} */
export const page = {
  path: 'conversations',
  title: 'Conversations',
  async show(root, context) {
    if (context.params[0]) return (await import('./conversation.js')).page.show(root, context)
    const list = new List(root, context)
    await list.start()
    return () => list.end()
  },
}

class List {
  /** @param {HTMLElement} root @param {import('../pages.js').Context} context */
  constructor(root, context) {
    this.root = root
    this.context = context
    /** @type {Conversation[]} */
    this.items = []
    /** @type {Conversation[]} */
    this.waiting = []
    this.total = 0
    /** @type {string | null} */
    this.next = null
    this.turn = 0
    this.late = false
    /** @type {Record<string, string>} */
    this.filters = Object.fromEntries(
      FILTERS.filter((name) => context.query[name]).map((name) => [name, context.query[name]]),
    )
    this.top = h('div')
    this.body = h('div', { class: 'stack' })
    this.fresh = h('div', { class: 'fresh', role: 'status' })
  }

  async start() {
    this.form = this.#form()
    this.root.append(
      pageHead('Conversations', { lead: 'What people ask, and what they are told.' }),
      this.form,
      this.top,
      this.fresh,
      this.body,
    )
    if (this.context.query.find) this.form.querySelector('[name=q]').focus()
    this.stop = live((event) => this.#happened(event))
    await this.read()
  }

  end() {
    this.stop?.()
    clearTimeout(this.typing)
    clearTimeout(this.soon)
  }

  // -- filters ---------------------------------------------------------------------------------------

  #form() {
    const { filters } = this
    const search = field({
      label: 'Search',
      name: 'q',
      type: 'search',
      value: filters.q,
      attributes: { placeholder: 'Words, a name, an id', autocomplete: 'off' },
    })
    search.classList.add('search')
    const choice = (
      /** @type {string} */ label,
      /** @type {string} */ name,
      /** @type {{value: string, label: string}[]} */ options,
    ) =>
      field({
        label,
        name,
        type: 'select',
        value: filters[name] ?? '',
        options: [{ value: '', label: 'All' }, ...options],
      })
    const more = h(
      'details',
      {
        class: 'more-filters',
        open: FILTERS.slice(2).some(
          (name) => filters[name] && !['handoff', 'feedback', 'errors'].includes(name),
        ),
      },
      h('summary', null, 'More filters'),
      h(
        'div',
        { class: 'filters' },
        field({ label: 'Person', name: 'person', value: filters.person }),
        choice(
          'Came by',
          'source',
          ['fluxbase', 'ai-sdk', 'botpress', 'chatbase', 'lexicon', 'openai', 'playground'].map(
            (value) => ({ value, label: value }),
          ),
        ),
        field({ label: 'From', name: 'start', type: 'date', value: day(filters.start) }),
        field({ label: 'Until', name: 'end', type: 'date', value: day(filters.end, -1) }),
        h('button', { type: 'reset', class: 'button' }, 'Clear all'),
      ),
    )
    const form = h(
      'form',
      {
        role: 'search',
        class: 'stack',
        on: {
          submit: (/** @type {Event} */ event) => event.preventDefault(),
          input: () => this.#typed(),
          reset: () => setTimeout(() => this.#cleared()),
        },
      },
      h(
        'div',
        { class: 'filters' },
        search,
        field({
          label: 'Bot',
          name: 'bot',
          value: filters.bot,
          attributes: { placeholder: 'All', list: 'bots-known', autocomplete: 'off' },
        }),
        h('datalist', { id: 'bots-known' }),
        choice('State', 'handoff', [
          { value: 'waiting', label: 'Waits for a person' },
          { value: 'joined', label: 'With a colleague' },
        ]),
        choice('Feedback', 'feedback', [
          { value: 'positive', label: 'Good' },
          { value: 'negative', label: 'Bad' },
        ]),
        choice('Errors', 'errors', [{ value: '1', label: 'With errors' }]),
      ),
      more,
    )
    return form
  }

  #typed() {
    clearTimeout(this.typing)
    this.typing = setTimeout(() => this.#filter(), TYPING_MS)
  }

  #cleared() {
    for (const input of this.form.querySelectorAll('[name]')) input.value = ''
    this.#filter()
  }

  #filter() {
    const values = Object.fromEntries(
      FILTERS.map((name) => [name, this.form.querySelector(`[name=${name}]`).value.trim()]),
    )
    values.start = seconds(values.start)
    values.end = seconds(values.end, 1)
    this.filters = Object.fromEntries(Object.entries(values).filter(([, value]) => value))
    this.context.setQuery(this.filters)
    return this.read().catch((error) =>
      fill(
        this.body,
        problem(error, () => this.#filter()),
      ),
    )
  }

  // -- reading ---------------------------------------------------------------------------------------

  async read() {
    const turn = ++this.turn
    const plain = !Object.keys(this.filters).length
    const [found, waiting] = await Promise.all([
      get('conversations', { ...this.filters, limit: PAGE }, this.context.signal),
      plain ? get('conversations', { handoff: 'waiting', limit: PAGE }, this.context.signal) : { items: [] },
    ])
    if (turn !== this.turn) return
    this.items = found.items
    this.total = found.total
    this.next = found.next
    this.waiting = waiting.items
    fill(this.fresh)
    this.#draw()
  }

  async #more() {
    const turn = this.turn
    const found = await get(
      'conversations',
      { ...this.filters, limit: PAGE, after: this.next },
      this.context.signal,
    )
    if (turn !== this.turn) return
    const known = new Set(this.items.map(({ id }) => id))
    this.items.push(...found.items.filter((/** @type {Conversation} */ one) => !known.has(one.id)))
    this.next = found.next
    this.#draw()
  }

  #draw() {
    const focused = focusKept(this.root)
    const ids = new Set(this.waiting.map(({ id }) => id))
    const rest = this.items.filter(({ id }) => !ids.has(id))
    const bots = new Map([...this.items, ...this.waiting].map((one) => [one.bot, one.bot_title || one.bot]))
    for (const [name, title] of bots) {
      const known = this.form.querySelector('datalist')
      if (![...known.children].some((option) => option.value === name))
        known.append(h('option', { value: name }, title))
    }
    fill(
      this.top,
      this.waiting.length > 0 &&
        card(
          this.waiting.length === 1 ? 'One person waits' : `${number(this.waiting.length)} people wait`,
          { class: 'waiting' },
          table(this.waiting, 'Waiting'),
        ),
    )
    fill(
      this.body,
      rest.length || !this.waiting.length ? table(rest, 'Conversations', this.#empty()) : null,
      rest.length > 0 &&
        pager({ shown: this.items.length, total: this.total, next: this.next, onMore: () => this.#more() }),
    )
    focused()
  }

  #empty() {
    if (Object.keys(this.filters).length) {
      return emptyState({
        icon: 'search',
        title: 'Nothing is like that.',
        text: 'Try fewer filters, or other words.',
        action: h(
          'button',
          { type: 'button', class: 'button', on: { click: () => this.#cleared() } },
          'Clear all filters',
        ),
      })
    }
    return emptyState({
      icon: 'conversations',
      title: 'No conversation yet.',
      text: 'They appear here as soon as somebody asks a bot something.',
      action:
        this.context.account.role === 'admin' &&
        h('a', { class: 'button primary', href: pageUrl('playground') }, 'Ask one yourself'),
    })
  }

  // -- live ------------------------------------------------------------------------------------------

  /** @param {import('../live.js').LiveEvent} event */
  #happened({ type, data }) {
    if (type === 'lost') this.late = true
    if (type === 'connected' && this.late) {
      this.late = false
      this.read()
    }
    if (type === 'missed') this.read()
    if (type === 'deleted') this.#removed(data.id)
    if (type === 'conversation') this.#changed(data)
  }

  /** @param {string} id */
  #removed(id) {
    this.items = this.items.filter((one) => one.id !== id)
    this.waiting = this.waiting.filter((one) => one.id !== id)
    this.#drawSoon()
  }

  /** Known ones change in their place; new ones are put on top while nothing is filtered. @param {Conversation} one */
  #changed(one) {
    const plain = !Object.keys(this.filters).length
    const at = this.items.findIndex(({ id }) => id === one.id)
    if (at >= 0) this.items[at] = one
    else if (plain) this.total += 1
    if (plain) {
      this.items = [one, ...this.items.filter(({ id }) => id !== one.id)].sort(
        (a, b) => b.last_message_at - a.last_message_at,
      )
      this.waiting = this.waiting.filter(({ id }) => id !== one.id)
      if (one.handoff === 'waiting') this.waiting.push(one)
    } else if (at < 0 && !this.fresh.firstChild) {
      fill(
        this.fresh,
        h(
          'button',
          { type: 'button', class: 'button small', on: { click: () => this.read() } },
          'Something has changed: show the newest',
        ),
      )
    }
    this.#drawSoon()
  }

  /** Many changes at once are drawn once. */
  #drawSoon() {
    clearTimeout(this.soon)
    this.soon = setTimeout(() => this.#draw(), 100)
  }
}

/** @param {Conversation[]} rows @param {string} label @param {HTMLElement} [empty] */
function table(rows, label, empty) {
  const tokens = (/** @type {Conversation} */ one) => number(one.tokens, { short: true })
  return dataTable({
    label,
    rows,
    empty,
    class: 'talks',
    href: (one) => pageUrl('conversations', one.id),
    columns: [
      { key: 'title', label: 'Conversation', class: 'grow', render: titleCell },
      { key: 'state', label: 'State', class: 'state', render: stateCell },
      { key: 'person', label: 'Person', render: personCell },
      { key: 'bot', label: 'Bot', render: botCell },
      { key: 'source', label: 'Came by', class: 'spare' },
      { key: 'message_count', label: 'Messages', numeric: true, class: 'wide-only' },
      { key: 'tokens', label: 'Tokens', numeric: true, class: 'wide-only', render: tokens },
      { key: 'last_message_at', label: 'Last', class: 'tight', render: timeCell },
    ],
  })
}

/** Drawing anew must not take the focus away from who works with the keyboard. @param {HTMLElement} root @returns {() => void} */
function focusKept(root) {
  const link = document.activeElement?.closest?.('a.opener')
  const address = link && root.contains(link) ? link.getAttribute('href') : null
  return () => {
    if (!address) return
    const again = [...root.querySelectorAll('a.opener')].find((one) => one.getAttribute('href') === address)
    if (again instanceof HTMLElement) again.focus({ preventScroll: true })
  }
}

/** The day of a time in the address, for a field of days. @param {string | undefined} at Unix seconds @param {number} [later] seconds */
function day(at, later = 0) {
  if (!at || Number.isNaN(Number(at))) return ''
  const date = new Date((Number(at) + later) * 1000)
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()]
    .map((part) => String(part).padStart(2, '0'))
    .join('-')
}

/** Where that day begins here, or ends. @param {string} text @param {0 | 1} [end] */
function seconds(text, end = 0) {
  const at = text ? new Date(`${text}T00:00`).getTime() / 1000 : NaN
  return Number.isNaN(at) ? '' : String(Math.round(at + end * DAY_S))
}
