// @ts-check
/**
 * A change of the team's data as a card: which rows, from what, to what, and two buttons while it waits
 * for the user's word. Values are text nodes, whatever they hold.
 */
import { element, headOf, tableFrame } from './table.js'
import { isMissing, toText } from './values.js'

/** @typedef {import('../client.js').ChatEvent} ChatEvent */
/** @typedef {import('../client.js').Change} Change */
/** @typedef {Record<string, unknown>} Row */

const WORDS = /** @type {Record<string, {sign: string, to: string, done: string, of: string}>} */ ({
  INSERT: { sign: '+', to: 'Add', done: 'Added', of: 'to' },
  UPDATE: { sign: '→', to: 'Change', done: 'Changed', of: 'in' },
  DELETE: { sign: '−', to: 'Delete', done: 'Deleted', of: 'from' },
})

const TOLD = /** @type {Record<string, string>} */ ({
  proposed: 'Nothing is changed until you confirm.',
  confirming: 'Confirming…',
  declining: 'Declining…',
  applied: 'Confirmed: the change is made.',
  declined: 'Declined: nothing was changed.',
  failed: 'Failed: nothing was changed.',
  expired: 'Expired: it has waited too long, and nothing was changed. Ask for it again.',
})

const DECIDED = new Set(['applied', 'declined', 'failed'])
/** Timers of browsers take no longer ones. */
const TIMER_MAX_MS = 2 ** 31 - 1

let cards = 0

/** One change, from its proposal to what became of it. */
export class ChangeCard {
  /**
   * @param {ChatEvent & {change: Change}} event  the first that tells of it
   * @param {(approve: boolean) => void} onDecide
   * @param {() => void} onDue  when its time should be over
   */
  constructor(event, onDecide, onDue) {
    const { change } = event
    this.id = change.id
    this.rows = change.rows
    this.words = WORDS[change.operation] ?? WORDS.UPDATE
    this.operation = change.operation
    this.table = change.table
    /** proposed, confirming, declining, applied, declined, failed, expired */
    this.status = ''
    this.root = element('section', `change ${change.operation.toLowerCase()}`)
    const titleId = `change-${++cards}`
    this.root.setAttribute('role', 'group')
    this.root.setAttribute('aria-labelledby', titleId)
    this.root.tabIndex = -1 // takes the focus of a button that was pressed
    this.title = element('h3', 'change-title')
    this.title.id = titleId
    this.box = element('div')
    this.actions = element('div', 'actions')
    this.confirm = actionButton('Confirm', 'confirm', () => onDecide(true))
    this.decline = actionButton('Decline', 'quiet', () => onDecide(false))
    this.actions.append(this.confirm, this.decline)
    for (const button of [this.confirm, this.decline]) button.setAttribute('aria-describedby', titleId)
    this.state = element('p', 'state')
    this.state.setAttribute('role', 'status')
    this.root.append(this.title, this.box, sqlOf(event), this.state, this.actions)
    this.#showRows()
    this.#enter(change.status, event.error)
    this.timer = change.expiresAt ? setTimeout(onDue, untilMs(change.expiresAt)) : undefined
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
    const hadFocus = this.root.contains(document.activeElement)
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
    const count = this.rows.length
    const isDone = status === 'applied'
    const rows = `${count.toLocaleString()} ${count === 1 ? 'row' : 'rows'}`
    const name = element('bdi', 'name', this.table)
    const sign = element('span', 'sign', this.words.sign)
    sign.setAttribute('aria-hidden', 'true')
    const verb = isDone ? this.words.done : this.words.to
    this.title.replaceChildren(sign, ` ${verb} ${rows} ${this.words.of} `, name, this.isOpen || this.isWaiting ? '?' : '')
    for (const button of [this.confirm, this.decline]) button.disabled = status !== 'proposed'
    this.actions.hidden = !this.isOpen && !this.isWaiting
    this.state.textContent = told(status, this.id, reason)
    if (DECIDED.has(status)) this.forget()
  }

  #showRows() {
    this.box.replaceChildren(tableFrame(rowsTable(this.rows), `Rows before and after, ${this.rows.length}`))
  }
}

/** @param {string} status @param {string} id @param {string} [reason] */
function told(status, id, reason) {
  if (!reason) return status === 'applied' && !id ? 'Done: the change is made.' : (TOLD[status] ?? status)
  if (status === 'failed') return `${TOLD.failed} ${reason}`
  return reason
}

/** @param {string} expiresAt */
function untilMs(expiresAt) {
  const left = Date.parse(expiresAt) - Date.now()
  return Math.min(Math.max(Number.isNaN(left) ? TIMER_MAX_MS : left, 0), TIMER_MAX_MS)
}

/** @param {ChatEvent} event */
function sqlOf({ query = '' }) {
  const details = element('details', 'query')
  const head = element('summary')
  head.append(element('span', 'badge', 'SQL'), ' How it is done')
  const block = element('pre')
  block.tabIndex = 0
  block.append(element('code', '', query))
  details.append(head, block)
  return details
}

/** Changed columns stand first, behind the one that tells the rows apart. @param {Change['rows']} rows */
function rowsTable(rows) {
  const names = [...new Set(rows.flatMap(({ before, after }) => [...Object.keys(before ?? {}), ...Object.keys(after ?? {})]))]
  const isChanged = (/** @type {string} */ name) => rows.some(({ before, after }) => before && after && differ(before[name], after[name]))
  const [first, ...others] = names
  const shown = first === undefined ? [] : [first, ...others.filter(isChanged), ...others.filter((name) => !isChanged(name))]
  const heads = shown.map((name) => {
    const cell = element('th', '', name)
    cell.setAttribute('scope', 'col')
    return cell
  })
  const table = element('table')
  const body = element('tbody')
  body.append(...rows.map((row) => changedRow(shown, row)))
  table.append(headOf(heads), body)
  return table
}

/** @param {string[]} names @param {Change['rows'][number]} row */
function changedRow(names, { before, after }) {
  const line = element('tr')
  for (const name of names) {
    const cell = element('td')
    if (!after) cell.append(marked('del', before?.[name], 'deleted'))
    else if (!before) cell.append(Object.hasOwn(after, name) ? marked('ins', after[name], 'new') : element('span', 'null', 'default'))
    else if (differ(before[name], after[name])) cell.append(...fromTo(before[name], after[name]))
    else cell.append(valueNode(before[name]))
    if (before && after && differ(before[name], after[name])) cell.className = 'changed'
    line.append(cell)
  }
  return line
}

/** @param {unknown} before @param {unknown} after */
function fromTo(before, after) {
  // 1 and '1' are two values.
  const exact = !isMissing(before) && !isMissing(after) && toText(before) === toText(after)
  const arrow = element('span', 'arrow', ' → ')
  arrow.setAttribute('aria-hidden', 'true')
  return [marked('del', before, 'before', exact), arrow, marked('ins', after, 'after', exact)]
}

/** Struck out or underlined, and named for those who do not see that. @param {'del' | 'ins'} tag @param {unknown} value @param {string} word @param {boolean} [exact] */
function marked(tag, value, word, exact = false) {
  const node = element(tag)
  node.append(element('span', 'unseen', `${word}: `), valueNode(value, exact))
  return node
}

/** A missing value and an empty text are told apart, and blanks stay. @param {unknown} value @param {boolean} [exact] */
function valueNode(value, exact = false) {
  if (isMissing(value)) return element('span', 'null', 'null')
  if (value === '') return element('span', 'null', 'empty text')
  return element('bdi', 'value', exact ? JSON.stringify(value) : toText(value))
}

/** @param {unknown} one @param {unknown} other */
function differ(one, other) {
  return JSON.stringify(one ?? null) !== JSON.stringify(other ?? null)
}

/** @param {string} text @param {string} className @param {() => void} act */
function actionButton(text, className, act) {
  const button = /** @type {HTMLButtonElement} */ (element('button', className, text))
  button.type = 'button'
  button.addEventListener('click', act)
  return button
}
