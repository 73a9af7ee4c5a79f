// @ts-check
/** One conversation: what was said, how each answer came about, and stepping in as a person. */
import { ApiError, apiUrl, del, get, live } from '../api.js'
import { aboutCard } from '../conversation_about.js'
import { titleOf } from '../conversation_cells.js'
import { ConversationLog } from '../conversation_log.js'
import { Presence } from '../conversation_presence.js'
import { follow } from '../conversation_stream.js'
import { fill, h } from '../dom.js'
import { icon } from '../icons.js'
import { pageUrl } from '../route.js'
import { showTrace } from '../trace.js'
import { confirmDialog, emptyState, number, pageHead, toast } from '../ui.js'

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
    const isAdmin = context.account.role === 'admin'
    this.log = new ConversationLog(isAdmin ? (turn) => void showTrace(this.id, turn) : undefined)
    this.hint = h('p', { class: 'unseen', role: 'status' })
    this.side = h('div', { class: 'stack' })
    this.presence = new Presence(this.path, context.account, {
      read: () => this.read(),
      readSoon: () => this.readSoon(),
      onLeft: () => this.root.querySelector('h1')?.focus(),
    })
    this.talk = h(
      'section',
      { class: 'talk', 'aria-label': 'Conversation' },
      this.log.node,
      this.hint,
      this.presence.node,
      this.presence.composer.node,
    )
    this.deleted = false
    /** Readings that began, the one that is shown, and answers that ended meanwhile: all count up. */
    this.began = 0
    this.drawn = 0
    this.settled = 0
    /** @type {any[]} */
    this.bots = []
    /** Where the stream goes on behind what was read. */
    this.seq = 0
    this.title = ''
    this.count = 0
  }

  async start() {
    await Promise.all([this.read(), this.#findBot()])
    fill(this.side, aboutCard(this.conversation, this.botId))
    this.root.append(this.head, h('div', { class: 'conversation' }, this.talk, this.side))
    if (!this.context.query.top) this.#toEnd()
    this.stopStream = follow(`${this.path}/stream`, this.seq, (frame) => this.#frame(frame))
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
    const { conversation, messages, seq } = found
    this.conversation = conversation
    this.seq = seq
    this.#drawHead()
    fill(this.side, aboutCard(this.conversation, this.botId))
    const atEnd = this.#isAtEnd()
    this.log.draw(messages, conversation)
    if (atEnd && this.root.isConnected) this.#toEnd()
    this.presence.show(this.conversation)
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
    fill(this.side, aboutCard(this.conversation, this.botId))
    this.presence.show(this.conversation)
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
      this.log.take(frame)
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
    if (this.log.settle() && frame.type === 'done') fill(this.hint, 'The answer is complete.')
  }

  #isAtEnd() {
    return !this.root.isConnected || this.talk.getBoundingClientRect().bottom - innerHeight < AT_END_PX
  }

  #toEnd() {
    this.talk.scrollIntoView({ block: 'end' })
  }
}

const back = () => ({ href: pageUrl('conversations'), label: 'Conversations' })
