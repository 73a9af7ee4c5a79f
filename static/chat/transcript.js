// @ts-check
/** The conversation on the page: events of the client go in, elements come out. No network here. */
import { MarkdownWriter } from './markdown.js'
import { element, resultTable } from './table.js'

/** @typedef {import('../client.js').ChatEvent} ChatEvent */

/**
 * @typedef {object} Turn  one question and its answer
 * @property {string} text  the question
 * @property {HTMLElement} question
 * @property {Answer} answer
 */

/** All turns of one conversation, in one element. */
export class Transcript {
  /**
   * @param {HTMLElement} log
   * @param {{onRetry: (text: string) => void, announce: (text: string) => void}} hooks
   */
  constructor(log, hooks) {
    this.log = log
    this.hooks = hooks
    /** Questions that the server has not taken up yet, by message id. @type {Map<string, Turn>} */
    this.waiting = new Map()
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
    this.current = null
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
        return this.#running().answer.progress(event.message ?? '')
      case 'content':
        return this.#running().answer.write(event.delta ?? '')
      case 'query_result':
        return this.#running().answer.query(event)
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
    const turn = this.waiting.get(id)
    this.waiting.delete(id)
    if (turn && this.waiting.size > 0) this.log.append(...[...this.waiting.values()].flatMap(nodes))
    this.current = turn ?? this.#add(event.content ?? '')
    this.current.answer.progress('Thinking…')
  }

  /** What streams belongs to the turn taken up last; a server need not say which. */
  #running() {
    const [oldest] = this.waiting
    if (!this.current && oldest) this.waiting.delete(oldest[0])
    this.current ??= oldest?.[1] ?? this.#add('')
    return this.current
  }

  /** @param {(answer: Answer) => void} finish */
  #end(finish) {
    if (!this.current) return
    finish(this.current.answer)
    this.hooks.announce(this.current.answer.spoken)
    this.current = null
  }

  #stopAll() {
    for (const turn of this.waiting.values()) turn.answer.done(undefined, true)
    this.waiting.clear()
    this.#end((answer) => answer.done(undefined, true))
  }

  /** Of the running answer when it has a place in the log, else the refusal of a question. @param {ChatEvent} event */
  #fail(event) {
    const refused = event.seq === undefined ? this.#refused(event) : undefined
    const turn = refused ?? this.current
    if (!refused) this.current = null
    if (!turn) return
    const text = event.error || 'Something went wrong.'
    const canHelp = event.code !== 'INVALID_MESSAGE' // else the same text fails again
    turn.answer.fail(text, event.retryAfter, canHelp ? () => this.hooks.onRetry(turn.text) : undefined)
    this.hooks.announce(text)
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
  }

  /** The text as it is read out: without the marks of Markdown. */
  get spoken() {
    const blocks = [...this.root.querySelectorAll('.prose > *')]
    return blocks.map((block) => /** @type {HTMLElement} */ (block).innerText).join('\n')
  }

  /** @param {string} text */
  progress(text) {
    this.step.textContent = text
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

  /** @param {ChatEvent} event */
  query(event) {
    this.#endText()
    const details = element('details', event.error ? 'query failed' : 'query')
    const head = element('summary')
    head.append(element('span', 'badge', 'SQL'), ` ${event.summary || 'Query'}`)
    const block = element('pre')
    block.tabIndex = 0
    block.append(element('code', '', event.query ?? ''))
    details.append(head, block)
    this.step.before(details)
    if (event.data?.length) this.step.before(resultTable(event))
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

  #endText() {
    this.writer?.end()
    this.writer = null
  }

  #close() {
    this.#endText()
    this.step.remove()
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
