// @ts-check
/** The conversation on the page: events of the client go in, elements come out. No network here. */
import { Answer } from './answer.js'
import { ChangeCard } from './change.js'
import { edit } from './edit.js'
import { followUps } from './followups.js'
import { element, iconButton } from './nodes.js'
import { when } from './when.js'

/** @typedef {import('../client.js').ChatEvent & {at?: number, name?: string, state?: string, feedback?: string, comment?: string}} ChatEvent */

/**
 * @typedef {object} Turn  one question and its answer
 * @property {string} text  the question
 * @property {HTMLElement} question
 * @property {Answer} answer
 * @property {string} [id]  the server's, of the question
 * @property {boolean} [isDecision]  it is the user's word on a change, and must not be asked again as a text
 *
 * @typedef {object} Hooks
 * @property {(text: string) => void} onRetry
 * @property {(text: string) => void} announce
 * @property {(changeId: string, approve: boolean) => string | null} [onDecide]  gives the id under which the
 *   decision was sent
 * @property {() => void} [onDue]  when a change should have expired
 * @property {(resultId: string) => Promise<boolean>} [onSave]
 * @property {(messageId: string, value: string | null, comment: string) => Promise<boolean>} [onFeedback]
 * @property {(messageId: string, text: string) => void} [onEdit]
 * @property {(messageId: string) => void} [onRegenerate]
 * @property {(text: string) => void} [onFollowUp]
 * @property {(source: import('./sources.js').Source, quote: string) => boolean | void} [openSource]  true: it is
 *   shown elsewhere
 * @property {boolean} [feedback]  false: nobody asks for thumbs
 * @property {() => boolean} [quiet]  what comes now is history, which is not read out
 * @property {(key: string, values?: Record<string, string | number>) => string} [t]
 * @property {string} [locale]
 *
 * @typedef {Hooks & {t: NonNullable<Hooks['t']>}} Known
 */

/** Codes of refused decisions that no second try would help. @type {Set<string | undefined>} */
const TOO_LATE = new Set(['CHANGE_DECIDED', 'CHANGE_NOT_FOUND'])
const PENCIL = 'M4 20l1-4L16 5l3 3L8 19z'

/** All turns of one conversation, in one element. */
export class Transcript {
  /** Questions that the server has not taken up yet, by message id. @type {Map<string | undefined, Turn>} */
  waiting = new Map()
  /** Turns by the id of their question. @type {Map<string | undefined, Turn>} */
  turns = new Map()
  /** Answers and messages of people, by id. @type {Map<string | undefined, HTMLElement>} */
  nodes = new Map()
  /** Changes with an id, by that. @type {Map<string | undefined, ChangeCard>} */
  changes = new Map()
  /** Changes on which the user's word is on its way, by message id. @type {Map<string | undefined, ChangeCard>} */
  deciding = new Map()
  /** The one whose turn runs. @type {ChangeCard | null | undefined} */
  decided
  /** @type {Turn | null | undefined} */
  current
  /** The newest turn that ended. @type {Turn | null | undefined} */
  last
  /** What may be done with the newest turn only. @type {HTMLElement[]} */
  passing = []

  /**
   * @param {HTMLElement} log
   * @param {Hooks} hooks
   */
  constructor(log, hooks) {
    this.log = log
    /** @type {Known} */
    this.hooks = { t: (key) => key, ...hooks }
    // Everything is read out once, when it is whole, by `announce`.
    log.ariaLive = 'off'
  }

  get isBusy() {
    return Boolean(this.current) || this.waiting.size > 0
  }

  get isEmpty() {
    return !this.log.childElementCount
  }

  /** The question that can be asked in other words. @returns {{messageId: string, text: string} | null} */
  get lastQuestion() {
    const { last } = this
    return last?.id && !last.isDecision && !this.isBusy ? { messageId: last.id, text: last.text } : null
  }

  clear() {
    this.log.replaceChildren()
    for (const change of this.changes.values()) change.forget()
    for (const known of [this.waiting, this.turns, this.nodes, this.changes, this.deciding]) known.clear()
    this.decided = this.current = this.last = null
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
    this.#retire()
    this.waiting.set(messageId, this.#add(text))
  }

  /** Questions that may come next. @param {string[]} texts */
  followUps(texts) {
    const box = followUps(texts, this.hooks)
    this.passing.push(box)
    this.log.append(box)
  }

  /** @param {ChatEvent & {interrupted?: boolean, paused?: boolean}} event */
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
        return this.#running().answer.sources.add(/** @type {any} */ (event.data ?? []))
      case 'query_result':
      case 'tool_result':
        return this.#result(event)
      case 'done':
        return this.#end(event, event.interrupted)
      case 'cancelled':
        return this.#stopAll(event)
      case 'error':
        return this.#fail(event)
      case 'message':
        return this.#person(event)
      case 'handoff':
        return this.#handoff(event)
      case 'message_deleted':
        return this.#delete(event.messageId)
    }
  }

  /** Once, for who listens: not what is history. @param {string} text */
  #announce(text) {
    if (!this.hooks.quiet?.()) this.hooks.announce(text)
  }

  /** @param {string} text @returns {Turn} */
  #add(text) {
    const looks = { className: 'question', ariaLabel: this.hooks.t('you'), dir: 'auto' }
    const question = element('article', looks, text)
    const answer = new Answer(this.hooks)
    this.log.append(question, answer.root)
    return { text, question, answer }
  }

  /** @param {ChatEvent} event */
  #begin(event) {
    const id = event.clientMessageId
    this.#retire()
    const turn = this.waiting.get(id) ?? this.#again(event) ?? this.#add(event.content ?? '')
    this.waiting.delete(id)
    for (const { question, answer } of this.waiting.values()) this.log.append(question, answer.root)
    turn.id = event.messageId
    if (turn.id) this.turns.set(turn.id, turn)
    turn.question.title = when(event.at, this.hooks.locale)
    this.decided = this.deciding.get(id)
    this.deciding.delete(id)
    turn.isDecision = Boolean(this.decided)
    this.current = turn
    turn.answer.progress(this.hooks.t('thinking'))
  }

  /** A question that is answered anew, perhaps in other words: what followed is gone. @param {ChatEvent} event */
  #again(event) {
    const turn = this.turns.get(event.messageId)
    if (!turn?.question.parentNode) return undefined
    while (turn.question.nextSibling) turn.question.nextSibling.remove()
    turn.text = turn.question.textContent = event.content ?? turn.text
    turn.answer = new Answer(this.hooks)
    turn.question.after(turn.answer.root)
    return turn
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
    const { hooks } = this
    const known = this.changes.get(change?.id)
    if (change && known) {
      turn.isDecision = true
      known.take({ ...event, change })
      turn.answer.query({ ...event, data: [] }) // the card has the rows
    } else if (change?.rows.length) {
      const decide = (/** @type {boolean} */ approve) => {
        const messageId = hooks.onDecide?.(change.id, approve)
        if (messageId) this.decide(messageId, change.id, approve)
      }
      const card = new ChangeCard({ ...event, change }, decide, () => hooks.onDue?.(), hooks)
      if (change.id) this.changes.set(change.id, card)
      turn.answer.add(card.root)
    } else if (event.type === 'query_result' || event.columns) {
      turn.answer.query(event)
    }
  }

  /** A decision whose turn ended without a result can be made again. */
  #settle() {
    this.decided?.reopen()
    this.decided = null
  }

  /** @param {ChatEvent & {paused?: boolean}} event @param {boolean} [isStopped] */
  #end(event, isStopped) {
    this.#settle()
    const turn = this.current
    this.current = null
    if (!turn) return
    const { answer } = turn
    this.last = turn
    if (!isStopped && answer.isEmpty) return answer.root.remove() // a person answers, or nobody
    if (event.messageId) this.nodes.set(event.messageId, answer.root)
    answer.done(event, isStopped)
    this.#announce(answer.spoken)
    this.#offer(turn)
  }

  /** What may be done with the newest turn. @param {Turn} turn */
  #offer({ id = '', text, question, answer, isDecision }) {
    const { onEdit, onRegenerate, t } = this.hooks
    if (!id || isDecision) return
    if (onRegenerate) this.passing.push(answer.again(() => onRegenerate(id)))
    if (!onEdit || !question.textContent) return
    const pencil = iconButton(PENCIL, t('edit'), () => edit(question, text, t, (words) => onEdit(id, words)))
    pencil.classList.add('edit')
    question.append(pencil)
    this.passing.push(pencil)
  }

  /** The newest turn is not the newest any more. */
  #retire() {
    for (const node of this.passing.splice(0)) node.remove()
    this.last = null
  }

  /**  @param {ChatEvent} event */
  #stopAll(event) {
    for (const turn of this.waiting.values()) turn.answer.done({ type: 'done' }, true)
    this.waiting.clear()
    for (const change of this.deciding.values()) change.reopen()
    this.deciding.clear()
    this.#end({ ...event, messageId: undefined }, true)
  }

  /** Of the running answer when it has a place in the log, else the refusal of a question. @param {ChatEvent} event */
  #fail(event) {
    const isRefusal = event.seq === undefined
    if (!isRefusal) this.#settle()
    else if (this.#undecided(event)) return
    const refused = isRefusal && this.#refused(event)
    const turn = refused || this.current
    if (!refused) this.current = null
    if (!turn) return
    const text = event.error || this.hooks.t('went_wrong')
    // The same text would fail again, or is no question.
    const canHelp = event.code !== 'INVALID_MESSAGE' && !turn.isDecision
    const { id } = turn
    const { onRegenerate, onRetry } = this.hooks
    const isFailed = !refused && id && onRegenerate
    const retry = () => (isFailed ? onRegenerate(id) : onRetry(turn.text))
    turn.answer.fail(text, event.retryAfter, canHelp ? retry : undefined)
    this.#announce(text)
  }

  /** Whether it was the user's word on a change that was refused. @param {ChatEvent} event */
  #undecided(event) {
    const id = event.clientMessageId
    const change = this.deciding.get(id)
    if (!change) return false
    this.deciding.delete(id)
    if (TOO_LATE.has(event.code)) change.close(event.error)
    else change.reopen(event.error)
    return true
  }

  /** The question that was refused, no longer waiting; the oldest when it is not told which. @param {ChatEvent} event */
  #refused(event) {
    const told = event.clientMessageId
    const id = this.waiting.has(told) ? told : [...this.waiting.keys()][0]
    const turn = this.waiting.get(id)
    this.waiting.delete(id)
    return turn
  }

  // -- people ----------------------------------------------------------------------------------------

  /** Somebody of the team writes. @param {ChatEvent} event */
  #person(event) {
    this.#retire()
    const { t, locale } = this.hooks
    const name = event.name || t('someone')
    const answer = new Answer({ ...this.hooks, onFeedback: undefined }, name)
    answer.root.classList.add('operator')
    answer.root.prepend(element('strong', 'who', name))
    answer.root.title = when(event.at, locale)
    answer.write(event.content ?? '')
    answer.done({ type: 'done' })
    this.#insert(answer.root)
    if (event.messageId) this.nodes.set(event.messageId, answer.root)
    this.#announce(`${name}: ${answer.spoken}`)
  }

  /** Somebody of the team comes or goes. @param {ChatEvent} event */
  #handoff({ state, name, at }) {
    const { t, locale } = this.hooks
    const text = t(`note_${state}`, { name: name || t('someone') })
    this.#insert(element('p', { className: 'handoff', title: when(at, locale) }, text))
    this.#announce(text)
  }

  /** Before what is still to be answered. @param {HTMLElement} node */
  #insert(node) {
    const [next] = this.waiting.values()
    this.log.insertBefore(node, next?.question ?? null)
  }

  /** @param {string | undefined} id */
  #delete(id) {
    const turn = this.turns.get(id)
    const node = this.nodes.get(id)
    this.#retire()
    node?.remove()
    turn?.question.remove()
    turn?.answer.root.remove()
    this.turns.delete(id)
    this.nodes.delete(id)
  }
}
