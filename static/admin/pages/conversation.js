// @ts-check
/** One conversation: what was said, how each answer came about, and stepping in as a person. */
import { ApiError, apiUrl, del, get, live, post } from '../api.js'
import { Composer } from '../composer.js'
import { follow } from '../conversation_stream.js'
import { botCell, personCell, personOf, titleOf, wishOf } from '../conversation_cells.js'
import { fill, h } from '../dom.js'
import { icon } from '../icons.js'
import { facts, messageNode, Running } from '../message.js'
import { pageUrl } from '../route.js'
import { showTrace } from '../trace.js'
import { badge, busy, card, confirmDialog, emptyState, number, pageHead, toast, when } from '../ui.js'

const SOON_MS = 120
const AT_END_PX = 120

/** @type {import('../pages.js').Page} */
export const page = {
  path: 'conversations',
  title: 'Conversation',
  async show(root, context) {
    const detail = new Detail(root, context)
    await detail.start()
    return () => detail.end()
  },
}

class Detail {
  /** @param {HTMLElement} root @param {import('../pages.js').Context} context */
  constructor(root, context) {
    this.root = root
    this.context = context
    this.id = context.params[0]
    this.path = `conversations/${encodeURIComponent(this.id)}`
    this.head = h('div')
    this.log = h('ol', { class: 'messages', 'aria-label': 'Messages' })
    this.hint = h('p', { class: 'unseen', role: 'status' })
    this.side = h('div', { class: 'stack' })
    this.presence = h('div', { class: 'presence' })
    this.composer = new Composer(`${this.path}/messages`, () => this.readSoon())
    this.talk = h(
      'section',
      { class: 'talk', 'aria-label': 'Conversation' },
      this.log,
      this.hint,
      this.presence,
      this.composer.node,
    )
    /** Messages that are shown: their node, and of what it was made. @type {Map<string, {node: HTMLElement, from: string}>} */
    this.shown = new Map()
    /** The answer that is being written. @type {Running | null} */
    this.running = null
    /** Answers that are whole, until they are read as they were stored. @type {Running[]} */
    this.ended = []
    this.deleted = false
    /** Readings that began, the one that is shown, and answers that ended meanwhile: all count up. */
    this.began = 0
    this.drawn = 0
    this.settled = 0
    /** @type {any[]} */
    this.bots = []
    this.title = ''
    this.stateShown = ''
    this.count = 0
  }

  async start() {
    await Promise.all([this.read(), this.#findBot()])
    this.#drawSide()
    this.root.append(this.head, h('div', { class: 'conversation' }, this.talk, this.side))
    if (!this.context.query.top) this.#toEnd()
    this.stopStream = follow(`${this.path}/stream`, (frame) => this.#frame(frame))
    this.stopLive = live(({ type, data }) => {
      if (type === 'conversation' && data.id === this.id) this.#changed(data)
      if (type === 'deleted' && data.id === this.id) this.#gone()
    })
  }

  /** The bot's page is known by an id; for operators it is not there. */
  async #findBot() {
    if (this.context.account.role !== 'admin') return
    this.bots = (await get('bots', {}, this.context.signal).catch(() => ({ items: [] }))).items
  }

  get botId() {
    const { bot, namespace } = this.conversation
    return (
      this.bots?.find((/** @type {any} */ one) => one.name === bot && one.namespace === namespace)?.id ?? ''
    )
  }

  end() {
    this.stopStream?.()
    this.stopLive?.()
    clearTimeout(this.soon)
  }

  // -- reading ---------------------------------------------------------------------------------------

  /** What comes too late is not shown: an answer that has ended since would seem to be written for ever. */
  async read() {
    const number = ++this.began
    let settled, found
    do {
      settled = this.settled
      found = await get(this.path, {}, this.context.signal)
    } while (settled !== this.settled)
    if (number < this.drawn) return
    this.drawn = number
    const { conversation, messages } = found
    this.conversation = conversation
    this.#drawHead()
    this.#drawSide()
    this.#drawMessages(messages)
    this.#drawPresence()
  }

  readSoon() {
    clearTimeout(this.soon)
    this.soon = setTimeout(() => this.read().catch((error) => this.#lost(error)), SOON_MS)
  }

  /** @param {unknown} error */
  #lost(error) {
    if (error instanceof ApiError && error.status === 404) this.#gone()
    else if (!this.context.signal.aborted) toast(error, 'bad')
  }

  /** @param {import('../conversation_cells.js').Conversation} conversation */
  #changed(conversation) {
    const handoff =
      conversation.handoff !== this.conversation.handoff ||
      conversation.operator_name !== this.conversation.operator_name
    this.conversation = { ...this.conversation, ...conversation }
    this.#drawSide()
    this.#drawPresence()
    if (handoff || conversation.message_count !== this.count) this.readSoon()
    this.count = conversation.message_count
  }

  #gone() {
    if (this.deleted) return
    this.deleted = true
    this.end()
    fill(
      this.root,
      pageHead('Conversation', { back: back() }),
      emptyState({
        title: 'This conversation is gone.',
        text: 'It was deleted, by the visitor, a colleague, or as its time was over.',
        action: h('a', { class: 'button', href: pageUrl('conversations') }, 'See all conversations'),
      }),
    )
  }

  // -- drawing ---------------------------------------------------------------------------------------

  #drawHead() {
    const { conversation } = this
    const title = titleOf(conversation) || 'Conversation'
    if (title === this.title) return
    this.title = title
    fill(
      this.head,
      pageHead(title, {
        back: back(),
        actions: [
          h(
            'a',
            { class: 'button', href: apiUrl(`${this.path}/export`, { format: 'md' }), download: '' },
            icon('download'),
            'Text',
          ),
          h(
            'a',
            { class: 'button', href: apiUrl(`${this.path}/export`, { format: 'json' }), download: '' },
            icon('download'),
            'JSON',
          ),
          this.context.account.role === 'admin' &&
            h(
              'button',
              { type: 'button', class: 'button risky', on: { click: () => this.#delete() } },
              icon('trash'),
              'Delete',
            ),
        ],
      }),
    )
  }

  #drawSide() {
    const one = this.conversation
    fill(
      this.side,
      card(
        'About',
        {},
        facts([
          ['Bot', this.botId ? h('a', { href: pageUrl('bots', this.botId) }, botCell(one)) : botCell(one)],
          ['Namespace', one.namespace === 'default' ? null : one.namespace],
          ['Person', personCell(one)],
          ['Known as', one.owner === 'anon' ? null : one.owner],
          ['Came by', one.source],
          ['Began', when(one.created_at)],
          ['Last', when(one.last_message_at)],
          ['Messages', number(one.message_count)],
          ['Tokens', number(one.tokens)],
          [
            'Feedback',
            one.positive || one.negative ? `${number(one.positive)} good, ${number(one.negative)} bad` : null,
          ],
          ['Errors', one.errors ? number(one.errors) : null],
          ['Helped by', one.helped_by || null],
          ['Id', h('code', null, one.id)],
        ]),
      ),
    )
  }

  /** Only what is new or has changed is made anew, so that opened parts stay open. @param {import('../message.js').Message[]} messages */
  #drawMessages(messages) {
    const atEnd = this.#isAtEnd()
    const who = {
      person: personOf(this.conversation),
      bot: this.conversation.bot,
      onTrace:
        this.context.account.role === 'admin'
          ? (/** @type {string} */ turn) => void showTrace(this.id, turn)
          : undefined,
    }
    const kept = new Map()
    const settled = messages.filter(
      (one) => !(one.role === 'assistant' && ['queued', 'running'].includes(one.status ?? '')),
    )
    this.ended = []
    for (const message of settled) {
      const from = JSON.stringify(message)
      const known = this.shown.get(message.id)
      kept.set(message.id, known?.from === from ? known : { node: messageNode(message, who), from })
    }
    this.shown = kept
    const nodes = [...kept.values()].map(({ node }) => node)
    if (settled.length < messages.length) this.running ??= new Running(this.conversation.bot)
    if (this.running) nodes.push(this.running.node)
    if (!nodes.length) nodes.push(h('li', { class: 'message note' }, 'Nothing was said yet.'))
    for (const [at, node] of nodes.entries())
      if (this.log.children[at] !== node) this.log.insertBefore(node, this.log.children[at] ?? null)
    while (this.log.childElementCount > nodes.length) this.log.lastElementChild?.remove()
    if (atEnd && this.root.isConnected) this.#toEnd()
  }

  // -- stepping in -----------------------------------------------------------------------------------

  /** Whether it is this account that is there. */
  #isMine() {
    const { handoff, operator, operator_name: name } = this.conversation
    const { account } = this.context
    return (
      handoff === 'joined' &&
      (operator === undefined ? name === account.display_name : operator === account.name)
    )
  }

  #drawPresence() {
    const { handoff, operator_name: name } = this.conversation
    const mine = this.#isMine()
    const wish = handoff === 'waiting' ? wishOf(this.conversation) : ''
    const state = JSON.stringify([handoff, name, mine, wish])
    if (state === this.stateShown) return
    this.stateShown = state
    const join = (/** @type {string} */ label) => this.#button(label, 'primary', () => this.#join())
    const resolve = this.#button('Resolve', '', () => this.#act('resolve', 'Resolved.'))
    const parts = mine
      ? [
          h(
            'p',
            null,
            badge('You are here', 'info'),
            ' The bot is silent; what you write, the visitor reads.',
          ),
          h(
            'div',
            { class: 'actions' },
            this.#button('Leave', '', () => this.#act('leave', 'You left; the bot goes on.')),
            resolve,
          ),
        ]
      : handoff === 'joined'
        ? [
            h(
              'p',
              null,
              badge(['With ', h('bdi', null, name || 'a colleague')], 'info'),
              ' A colleague is in this chat.',
            ),
            this.#button('Take over', '', () => this.#takeOver()),
          ]
        : handoff === 'waiting'
          ? [this.#waiting(wish), h('div', { class: 'actions' }, join('Join'), resolve)]
          : [h('p', { class: 'faint' }, 'The bot answers here.'), join('Join')]
    fill(this.presence, h('div', { class: `presence-bar ${handoff}` }, parts))
    this.composer.show(mine)
  }

  /** Why a person is waited for: that the bot goes on matters less. @param {string} wish */
  #waiting(wish) {
    return h(
      'p',
      { class: 'wished' },
      badge('Waits for a person', 'warn'),
      ' ',
      wish && h('q', { dir: 'auto' }, wish),
      ' ',
      h('span', { class: 'faint' }, 'The bot still answers.'),
    )
  }

  /** @param {string} label @param {string} kind @param {() => Promise<unknown>} act */
  #button(label, kind, act) {
    const made = h(
      'button',
      { type: 'button', class: `button ${kind}`, on: { click: () => busy(made, act()) } },
      label,
    )
    return made
  }

  async #join(force = false) {
    try {
      await post(`${this.path}/join`, force ? { force: true } : {})
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 409 || force) throw error
      return this.#takeOver()
    }
    await this.read()
    this.composer.focus()
  }

  async #takeOver() {
    const name = this.conversation.operator_name || 'A colleague'
    const sure = await confirmDialog({
      title: 'Take over?',
      text: `${name} is in this chat and will be shown that you took over.`,
      action: 'Take over',
      harmless: true,
    })
    if (sure) await this.#join(true)
  }

  /** @param {'leave' | 'resolve'} what @param {string} words */
  async #act(what, words) {
    if (
      this.composer.text() &&
      !(await confirmDialog({
        title: 'Leave what you have typed?',
        loses: ['The message that you have not sent'],
        action: 'Go on',
      }))
    )
      return
    await post(`${this.path}/${what}`, {})
    this.composer.clear()
    toast(words, 'good')
    await this.read()
    this.root.querySelector('h1')?.focus()
  }

  async #delete() {
    const sure = await confirmDialog({
      title: 'Delete this conversation?',
      text: 'It is gone for the visitor, too. This cannot be undone.',
      loses: [
        `${number(this.conversation.message_count)} messages with their tables and sources`,
        'Feedback and traces of its answers',
        'Files that were uploaded in it',
      ],
    })
    if (!sure) return
    this.deleted = true
    await del(this.path)
    toast('The conversation is deleted.')
    this.context.navigate('conversations')
  }

  // -- the stream ------------------------------------------------------------------------------------

  /** @param {any} frame */
  #frame(frame) {
    const atEnd = this.#isAtEnd()
    if (['content', 'progress', 'query_result', 'tool_result'].includes(frame.type)) {
      if (!this.running) {
        this.running = new Running(this.conversation.bot)
        this.log.append(this.running.node)
      }
      this.running.take(frame)
      if (atEnd) this.#toEnd()
      return
    }
    if (['done', 'cancelled', 'error'].includes(frame.type)) this.#settled(frame)
    if (frame.type === 'message' || frame.type === 'user_message')
      fill(this.hint, `New message: ${String(frame.content).slice(0, 200)}`)
    this.readSoon()
  }

  /** The answer is whole: it is read as it was stored, and takes the place of the growing one. @param {any} frame */
  #settled(frame) {
    this.settled += 1
    if (!this.running) return
    if (frame.type === 'done') fill(this.hint, 'The answer is complete.')
    this.running.end()
    this.ended.push(this.running)
    this.running = null
  }

  #isAtEnd() {
    return !this.root.isConnected || this.talk.getBoundingClientRect().bottom - innerHeight < AT_END_PX
  }

  #toEnd() {
    this.talk.scrollIntoView({ block: 'end' })
  }
}

const back = () => ({ href: pageUrl('conversations'), label: 'Conversations' })
