// @ts-check
/** The conversation on the page: events of the client go in, elements come out. No network here. */
import { ChangeCard } from './change.js'
import { MarkdownWriter } from './markdown.js'
import { Sources } from './sources.js'
import { element, resultTable } from './table.js'

/** @typedef {import('../client.js').ChatEvent} ChatEvent */

/**
 * @typedef {object} Turn  one question and its answer
 * @property {string} text  the question
 * @property {HTMLElement} question
 * @property {Answer} answer
 * @property {boolean} [isDecision]  it is the user's word on a change, and must not be asked again as a text
 *
 * @typedef {object} Hooks
 * @property {(text: string) => void} onRetry
 * @property {(text: string) => void} announce
 * @property {(changeId: string, approve: boolean) => string | null} onDecide  gives the id under which the
 *   decision was sent
 * @property {() => void} onDue  when a change should have expired
 * @property {(resultId: string) => Promise<boolean>} onSave
 */

/** Codes of refused decisions that no second try would help. */
const TOO_LATE = new Set(['CHANGE_DECIDED', 'CHANGE_NOT_FOUND'])

/** All turns of one conversation, in one element. */
export class Transcript {
  /**
   * @param {HTMLElement} log
   * @param {Hooks} hooks
   */
  constructor(log, hooks) {
    this.log = log
    this.hooks = hooks
    /** Questions that the server has not taken up yet, by message id. @type {Map<string, Turn>} */
    this.waiting = new Map()
    /** Changes with an id, by that. @type {Map<string, ChangeCard>} */
    this.changes = new Map()
    /** Changes on which the user's word is on its way, by message id. @type {Map<string, ChangeCard>} */
    this.deciding = new Map()
    /** The one whose turn runs. @type {ChangeCard | null} */
    this.decided = null
    /** @type {Turn | null} */
    this.current = null
  }

  get isBusy() {
    return this.current !== null || this.waiting.size > 0
  }

  get isEmpty() {
    return this.log.childElementCount === 0
  }

  clear() {
    this.log.replaceChildren()
    this.waiting.clear()
    for (const change of this.changes.values()) change.forget()
    this.changes.clear()
    this.deciding.clear()
    this.decided = null
    this.current = null
  }

  /** Ids of the changes that wait for the user's word, as far as this page knows. */
  get openChanges() {
    return [...this.changes.values()].filter((change) => change.isOpen).map((change) => change.id)
  }

  /** These cannot be decided any more. @param {string[]} ids */
  expire(ids) {
    for (const id of ids) this.changes.get(id)?.close()
  }

  /** The user's word on a change is on its way. @param {string} messageId @param {string} changeId @param {boolean} approve */
  decide(messageId, changeId, approve) {
    const change = this.changes.get(changeId)
    if (!change?.isOpen) return
    change.wait(approve)
    this.deciding.set(messageId, change)
  }

  /** Show a question that is on its way. @param {string} messageId @param {string} text */
  ask(messageId, text) {
    this.waiting.set(messageId, this.#add(text))
  }

  /** @param {ChatEvent & {interrupted?: boolean}} event */
  take(event) {
    switch (event.type) {
      case 'user_message':
        return this.#begin(event)
      case 'progress':
        if (event.step === 'reasoning') return this.#running().answer.think(event.message ?? '')
        return this.#running().answer.progress(event.message ?? '')
      case 'content':
        return this.#running().answer.write(event.delta ?? '')
      case 'sources':
        return this.#running().answer.cite(/** @type {any} */ (event.data ?? []))
      case 'query_result':
      case 'tool_result':
        return this.#result(event)
      case 'done':
        return this.#end((answer) => answer.done(event.usage, event.interrupted ?? false))
      case 'cancelled':
        return this.#stopAll()
      case 'error':
        return this.#fail(event)
    }
  }

  /** @param {string} text @returns {Turn} */
  #add(text) {
    const question = element('article', 'question', text)
    question.setAttribute('aria-label', 'You')
    const answer = new Answer()
    this.log.append(question, answer.root)
    return { text, question, answer }
  }

  /** @param {ChatEvent} event */
  #begin(event) {
    const id = event.clientMessageId ?? ''
    const turn = this.waiting.get(id) ?? this.#add(event.content ?? '')
    this.waiting.delete(id)
    if (this.waiting.size > 0) this.log.append(...[...this.waiting.values()].flatMap(nodes))
    this.decided = this.deciding.get(id) ?? null
    this.deciding.delete(id)
    turn.isDecision = this.decided !== null
    this.current = turn
    this.current.answer.progress('Thinking…')
  }

  /** What streams belongs to the turn taken up last; a server need not say which. */
  #running() {
    const [oldest] = this.waiting
    if (!this.current && oldest) this.waiting.delete(oldest[0])
    this.current ??= oldest?.[1] ?? this.#add('')
    return this.current
  }

  /** @param {ChatEvent} event */
  #result(event) {
    const turn = this.#running()
    const { change } = event
    const known = this.changes.get(change?.id ?? '')
    if (change && known) {
      turn.isDecision = true
      known.take({ ...event, change })
      turn.answer.query({ ...event, data: [] }) // the card has the rows
    } else if (change?.rows.length) {
      const decide = (/** @type {boolean} */ approve) => {
        const messageId = this.hooks.onDecide(change.id, approve)
        if (messageId) this.decide(messageId, change.id, approve)
      }
      const card = new ChangeCard({ ...event, change }, decide, this.hooks.onDue)
      if (change.id) this.changes.set(change.id, card)
      turn.answer.add(card.root)
    } else if (event.type === 'query_result' || event.columns) {
      turn.answer.query(event, this.hooks.onSave)
    }
  }

  /** A decision whose turn ended without a result can be made again. */
  #settle() {
    this.decided?.reopen()
    this.decided = null
  }

  /** @param {(answer: Answer) => void} finish */
  #end(finish) {
    this.#settle()
    if (!this.current) return
    finish(this.current.answer)
    this.hooks.announce(this.current.answer.spoken)
    this.current = null
  }

  #stopAll() {
    for (const turn of this.waiting.values()) turn.answer.done(undefined, true)
    this.waiting.clear()
    for (const change of this.deciding.values()) change.reopen()
    this.deciding.clear()
    this.#end((answer) => answer.done(undefined, true))
  }

  /** Of the running answer when it has a place in the log, else the refusal of a question. @param {ChatEvent} event */
  #fail(event) {
    if (event.seq === undefined && this.#undecided(event)) return
    if (event.seq !== undefined) this.#settle()
    const refused = event.seq === undefined ? this.#refused(event) : undefined
    const turn = refused ?? this.current
    if (!refused) this.current = null
    if (!turn) return
    const text = event.error || 'Something went wrong.'
    // The same text would fail again, or is no question.
    const canHelp = event.code !== 'INVALID_MESSAGE' && !turn.isDecision
    turn.answer.fail(text, event.retryAfter, canHelp ? () => this.hooks.onRetry(turn.text) : undefined)
    this.hooks.announce(text)
  }

  /** Whether it was the user's word on a change that was refused. @param {ChatEvent} event */
  #undecided(event) {
    const id = event.clientMessageId ?? ''
    const change = this.deciding.get(id)
    if (!change) return false
    this.deciding.delete(id)
    if (TOO_LATE.has(event.code ?? '')) change.close(event.error)
    else change.reopen(event.error)
    return true
  }

  /** The question that was refused, no longer waiting; the oldest when it is not told which. @param {ChatEvent} event */
  #refused(event) {
    const told = event.clientMessageId ?? ''
    const id = this.waiting.has(told) ? told : [...this.waiting.keys()][0]
    const turn = this.waiting.get(id)
    this.waiting.delete(id)
    return turn
  }
}

/** @param {Turn} turn */
function nodes(turn) {
  return [turn.question, turn.answer.root]
}

/** One answer: text and query results in the order in which they came, and how it ended. */
class Answer {
  constructor() {
    this.root = element('article', 'answer')
    this.root.setAttribute('aria-label', 'Answer')
    // Announced as a whole at its end, not in pieces while it streams.
    this.root.setAttribute('aria-live', 'off')
    this.root.setAttribute('aria-busy', 'true')
    this.step = element('p', 'step', 'Sending…')
    this.root.append(this.step)
    /** @type {MarkdownWriter | null} */
    this.writer = null
    this.sources = new Sources()
  }

  /** The text as it is read out: without the marks of Markdown. */
  get spoken() {
    const blocks = [...this.root.querySelectorAll('.prose > *, .change-title, .state')]
    return blocks.map((block) => /** @type {HTMLElement} */ (block).innerText).join('\n')
  }

  /** @param {string} text */
  progress(text) {
    this.step.textContent = text
  }

  /** What the model thinks, for who wants to see it. @param {string} text */
  think(text) {
    this.#endText()
    let details = this.step.previousElementSibling
    if (!details?.classList.contains('reasoning')) {
      details = element('details', 'reasoning')
      details.append(element('summary', '', 'Reasoning'))
      this.step.before(details)
    }
    details.append(element('p', '', text))
  }

  /** @param {HTMLElement} node */
  add(node) {
    this.#endText()
    this.step.before(node)
  }

  /** @param {string} delta */
  write(delta) {
    if (!this.writer) {
      const prose = element('div', 'prose')
      this.step.before(prose)
      this.writer = new MarkdownWriter(prose)
    }
    this.writer.write(delta)
  }

  /** @param {ChatEvent} event @param {(resultId: string) => Promise<boolean>} [save] */
  query(event, save) {
    this.#endText()
    const details = element('details', event.error ? 'query failed' : 'query')
    const head = element('summary')
    head.append(element('span', 'badge', event.type === 'tool_result' ? event.message : 'SQL'), ` ${event.summary || 'Query'}`)
    const block = element('pre')
    block.tabIndex = 0
    block.append(element('code', '', event.query ?? ''))
    details.append(head, block)
    this.step.before(details)
    if (event.data?.length) this.step.before(resultTable(event, save))
  }

  /** @param {import('../client.js').Usage | undefined} usage @param {boolean} stopped */
  done(usage, stopped) {
    this.#close()
    const notes = stopped ? ['Stopped'] : []
    if (usage?.total_tokens) notes.push(tokens(usage))
    if (notes.length) this.root.append(element('p', 'note', notes.join(' · ')))
  }

  /** @param {string} text @param {number | undefined} retryAfter seconds @param {() => void} [retry] */
  fail(text, retryAfter, retry) {
    this.#close()
    const box = element('div', 'failure')
    box.append(element('p', '', text))
    this.root.append(box)
    if (!retry) return
    const button = /** @type {HTMLButtonElement} */ (element('button', 'quiet', 'Try again'))
    button.type = 'button'
    button.addEventListener('click', () => {
      button.remove()
      retry()
    })
    if (retryAfter) countDown(button, Math.ceil(retryAfter))
    box.append(button)
  }

  /** Passages that `[n]` in the text may mean. @param {import('./sources.js').Source[]} sources */
  cite(sources) {
    this.sources.add(sources)
  }

  #endText() {
    this.writer?.end()
    this.writer = null
    const prose = this.step.previousElementSibling
    if (prose?.classList.contains('prose')) this.sources.mark(/** @type {HTMLElement} */ (prose))
  }

  #close() {
    this.#endText()
    this.step.replaceWith(...[this.sources.list()].filter((list) => list !== null))
    this.root.removeAttribute('aria-busy')
  }
}

/** @param {import('../client.js').Usage} usage */
function tokens(usage) {
  const count = usage.total_tokens.toLocaleString()
  return `${usage.estimated ? '≈ ' : ''}${count} token${usage.total_tokens === 1 ? '' : 's'}`
}

/** @param {HTMLButtonElement} button @param {number} seconds */
function countDown(button, seconds) {
  button.disabled = seconds > 0
  button.textContent = seconds > 0 ? `Try again in ${seconds} s` : 'Try again'
  if (seconds > 0) setTimeout(() => countDown(button, seconds - 1), 1000)
}
