// @ts-check
/**
 * A change of the team's data as a card: which rows, from what, to what, and two buttons while it waits
 * for the user's word. Values are text nodes, whatever they hold.
 */
import { button, element } from './nodes.js'
import { queryDetails } from './query.js'
import { headOf, tableFrame } from './table.js'
import { isMissing, toText } from './values.js'

/** @typedef {import('../client.js').ChatEvent} ChatEvent */
/** @typedef {import('../client.js').Change} Change */
/** @typedef {Record<string, unknown>} Row */
/** @typedef {(key: string, values?: Record<string, string | number>) => string} Translate */

const SIGNS = /** @type {Record<string, string>} */ ({ insert: '+', update: '→', delete: '−' })

const DECIDED = new Set(['applied', 'declined', 'failed'])
/** Timers of browsers take no longer ones. */
const TIMER_MAX_MS = 2 ** 31 - 1

let cards = 0

/** One change, from its proposal to what became of it. */
export class ChangeCard {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer
  /** proposed, confirming, declining, applied, declined, failed, expired */
  status = ''
  box = element('div')
  state = element('p', { className: 'state', role: 'status' })

  /**
   * @param {ChatEvent & {change: Change}} event  the first that tells of it
   * @param {(approve: boolean) => void} onDecide
   * @param {() => void} onDue  when its time should be over
   * @param {import('./transcript.js').Known} hooks
   */
  constructor(event, onDecide, onDue, { t }) {
    this.t = t
    const { change } = event
    this.id = change.id
    this.rows = change.rows
    this.operation = change.operation.toLowerCase()
    this.table = change.table
    const id = `change-${++cards}`
    this.title = element('h3', { className: 'change-title', id })
    this.confirm = button('confirm', t('confirm'), () => onDecide(true))
    this.decline = button('quiet', t('decline'), () => onDecide(false))
    this.actions = element('div', 'actions', this.confirm, this.decline)
    for (const choice of this.actions.children) choice.setAttribute('aria-describedby', id)
    this.root = element(
      'section',
      // It takes the focus of a button that was pressed.
      { className: `change ${this.operation}`, role: 'group', tabIndex: -1 },
      this.title,
      this.box,
      queryDetails('SQL', t('how'), event.query),
      this.state,
      this.actions,
    )
    this.root.setAttribute('aria-labelledby', id)
    this.#showRows()
    this.#enter(change.status, event.error)
    const { expiresAt } = change
    if (expiresAt) this.timer = setTimeout(onDue, Math.min(Date.parse(expiresAt) - Date.now(), TIMER_MAX_MS))
  }

  get isOpen() {
    return this.status === 'proposed'
  }

  /** The user has spoken and the server has not answered. */
  get isWaiting() {
    return this.status === 'confirming' || this.status === 'declining'
  }

  /** What became of it; the first that is told counts. @param {ChatEvent & {change: Change}} event */
  take({ change, error }) {
    if (DECIDED.has(this.status) || change.status === 'proposed') return
    // As the rows are now: a new one has its id.
    if (change.status === 'applied' && change.rows.length) {
      this.rows = change.rows
      this.#showRows()
    }
    this.#enter(change.status, error)
  }

  /** @param {boolean} approve */
  wait(approve) {
    if (!this.isOpen) return
    const { activeElement } = /** @type {Document} */ (this.root.getRootNode())
    const hadFocus = this.root.contains(activeElement)
    this.#enter(approve ? 'confirming' : 'declining')
    if (hadFocus) this.root.focus()
  }

  /** The decision did not get through; it can be made again. @param {string} [reason] */
  reopen(reason) {
    if (this.isWaiting) this.#enter('proposed', reason)
  }

  /** It cannot be decided any more, and nobody tells what became of it. @param {string} [reason] */
  close(reason) {
    if (this.isOpen || this.isWaiting) this.#enter('expired', reason)
  }

  forget() {
    clearTimeout(this.timer)
  }

  /** @param {string} status @param {string} [reason] */
  #enter(status, reason) {
    this.status = status
    this.root.dataset.status = status
    const { t, operation } = this
    const rows = t('rows', { n: this.rows.length })
    // The name stands where the words of the language want it.
    const change = t(`change_${operation}${status === 'applied' ? '_done' : ''}`, { rows, table: '\0' })
    const isOpen = this.isOpen || this.isWaiting
    const [before, after = ''] = (isOpen ? t('ask_whether', { change }) : change).split('\0')
    const sign = element('span', { className: 'sign', ariaHidden: 'true' }, SIGNS[operation] ?? SIGNS.update)
    this.title.replaceChildren(sign, ` ${before}`, element('bdi', 'name', this.table), after)
    for (const choice of [this.confirm, this.decline]) choice.disabled = status !== 'proposed'
    this.actions.hidden = !isOpen
    this.state.textContent = told(status, this.id, reason, t)
    if (DECIDED.has(status)) this.forget()
  }

  #showRows() {
    this.box.replaceChildren(tableFrame(rowsTable(this.rows, this.t), this.t('before_after')))
  }
}

/** @param {string} status @param {string} id @param {string | undefined} reason @param {Translate} t */
function told(status, id, reason, t) {
  if (!reason) return t(status === 'applied' && !id ? 'applied_at_once' : `is_${status}`)
  return status === 'failed' ? `${t('is_failed')} ${reason}` : reason
}

/** Changed columns stand first, behind the one that tells the rows apart. @param {Change['rows']} rows @param {Translate} t */
function rowsTable(rows, t) {
  const names = [
    ...new Set(
      rows.flatMap(({ before, after }) => [...Object.keys(before ?? {}), ...Object.keys(after ?? {})]),
    ),
  ]
  const isChanged = (/** @type {string} */ name) =>
    rows.some(({ before, after }) => before && after && differ(before[name], after[name]))
  const [first, ...others] = names
  const shown =
    first === undefined
      ? []
      : [first, ...others.filter(isChanged), ...others.filter((name) => !isChanged(name))]
  const heads = shown.map((name) => element('th', { scope: 'col' }, name))
  const body = element('tbody', '', ...rows.map((row) => changedRow(shown, row, t)))
  return element('table', '', headOf(heads), body)
}

/** @param {string[]} names @param {Change['rows'][number]} row @param {Translate} t */
function changedRow(names, { before, after }, t) {
  const cells = names.map((name) => {
    const [was, is] = [before?.[name], after?.[name]]
    if (!after) return element('td', '', marked('del', was, t('deleted'), t))
    if (!before && Object.hasOwn(after, name)) return element('td', '', marked('ins', is, t('added'), t))
    if (!before) return element('td', '', element('span', 'null', t('default')))
    if (differ(was, is)) return element('td', 'changed', ...fromTo(was, is, t))
    return element('td', '', valueNode(was, t))
  })
  return element('tr', '', ...cells)
}

/** @param {unknown} before @param {unknown} after @param {Translate} t */
function fromTo(before, after, t) {
  // 1 and '1' are two values.
  const exact = !isMissing(before) && !isMissing(after) && toText(before) === toText(after)
  const arrow = element('span', { className: 'arrow', ariaHidden: 'true' }, ' → ')
  return [marked('del', before, t('before'), t, exact), arrow, marked('ins', after, t('after'), t, exact)]
}

/** Struck out or underlined, and named for those who do not see that. @param {'del' | 'ins'} tag @param {unknown} value @param {string} word @param {Translate} t @param {boolean} [exact] */
function marked(tag, value, word, t, exact = false) {
  return element(tag, '', element('span', 'unseen', `${word}: `), valueNode(value, t, exact))
}

/** A missing value and an empty text are told apart, and blanks stay. @param {unknown} value @param {Translate} t @param {boolean} [exact] */
function valueNode(value, t, exact = false) {
  if (isMissing(value)) return element('span', 'null', 'null')
  if (value === '') return element('span', 'null', t('empty'))
  return element('bdi', 'value', exact ? JSON.stringify(value) : toText(value))
}

/** @param {unknown} one @param {unknown} other */
function differ(one, other) {
  return JSON.stringify(one ?? null) !== JSON.stringify(other ?? null)
}
