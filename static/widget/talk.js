// @ts-check
/** One bot, one person: the connection, the conversation that is shown, and what is sent in it. No frame, no buttons. */
// The bundle has the modules in this order; what is alike packs best side by side.
import { Transcript } from './transcript.js'
import { AIChat, ChatError, newId } from '../client.js'
import { FileList, uploadFile } from './files.js'
import { saveFile } from './give.js'
import { History } from './history.js'
import { Session } from './session.js'
import { SseSocket } from './sse-socket.js'

/** @typedef {import('../client.js').ChatEvent} ChatEvent */
/** @typedef {{id: string, text?: string, files?: string[], changeId?: string, approve?: boolean}} Sent */

/** A WebSocket that is not open by then has no way through. */
const PATIENCE_MS = 4000

export class Talk {
  /** @type {AIChat | null} */
  chat = null
  /** @type {string | null} */
  id = null
  /** Log position up to which a resumed conversation is history. */
  historyEnd = 0
  /** '' | waiting | joined */
  handoff = ''
  operator = ''
  /** Why the server lets nobody like this in. @type {Error | null} */
  refusal = null
  /** A notice that the opening of a connection shall not take away. */
  isTold = false
  /** @type {Promise<string> | undefined} */
  starting

  /** @param {import('./panel.js').Panel} panel */
  constructor(panel) {
    const { host } = panel
    this.panel = panel
    this.host = host
    this.session = new Session(host, (token) => this.chat?.renew(token))
    this.transcript = new Transcript(panel.log, {
      onRetry: (text) => panel.ask(text),
      announce: (text) => panel.announce(text),
      quiet: () => this.historyEnd > 0,
      onDecide: (changeId, approve) => this.decide(changeId, approve),
      onDue: () => this.#lookAtChanges(),
      onSave: (resultId) =>
        this.save(`ai/results/${encodeURIComponent(resultId)}?format=csv`, `${host.bot}-result.csv`),
      onFeedback: (messageId, value, comment) =>
        this.session.send('PUT', `conversations/${this.id}/messages/${messageId}/feedback`, { value, comment }),
      onEdit: (messageId, text) => this.retry(messageId, text),
      onRegenerate: (messageId) => this.retry(messageId),
      onFollowUp: (text) => panel.ask(text),
      feedback: host.info.feedback !== false,
      t: host.t,
      locale: host.locale,
    })
    this.history = new History(panel, this)
    this.files = new FileList(this)
    panel.composer.before(this.files.root)
    /** Settled when the first connection stands, or has failed. @type {Promise<void>} */
    this.connecting = this.connect()
  }

  // -- what people do ------------------------------------------------------------------------------

  /** @param {string} text @param {string[]} [files] @returns {Promise<boolean>} false when there is no connection to send it on */
  async ask(text, files) {
    await this.connecting
    if (!this.chat && !this.refusal) return false
    const id = newId()
    this.transcript.ask(id, text)
    this.panel.asked()
    try {
      const conversationId = await this.begin()
      this.#remember({ id, text, files })
      this.chat?.sendMessage(conversationId, text, id, files)
      this.host.emit('message', { id, text, conversationId })
    } catch (error) {
      const { message, code, retryAfter } = /** @type {any} */ (error)
      this.transcript.take({ type: 'error', error: message, code, retryAfter })
      this.host.emit('error', { code, message })
    }
    this.panel.refresh()
    return true
  }

  /** The conversation's id; a new one when none is shown. @returns {Promise<string>} */
  async begin() {
    await this.connecting
    return this.#begin()
  }

  /** @returns {Promise<string>} */
  async #begin() {
    if (!this.chat) throw this.refusal ?? new Error(this.host.t('lost'))
    if (this.id) return this.id
    this.starting ??= this.chat.startChat(this.host.bot, this.host.info.namespace)
    try {
      const id = await this.starting
      this.#keep(id)
      return id
    } finally {
      this.starting = undefined
    }
  }

  /** @param {string} changeId @param {boolean} approve @returns {string | null} null when it cannot be sent */
  decide(changeId, approve) {
    const id = newId()
    const isSent = this.#try((chat, shown) => chat.confirm(shown, changeId, approve, id))
    if (isSent) this.#remember({ id, changeId, approve })
    return isSent ? id : null
  }

  /** Answer a question anew, perhaps with other words. @param {string} messageId @param {string} [text] */
  retry(messageId, text) {
    return this.#try((chat, shown) => chat.retry(shown, messageId, text))
  }

  /** Ask for a person, or call that off. */
  async person() {
    try {
      const id = await this.begin()
      this.#try((chat) => chat.handoff(id, !this.handoff))
    } catch (error) {
      this.panel.tell(/** @type {Error} */ (error).message)
    }
  }

  stop() {
    if (!this.chat || !this.id || !this.transcript.isBusy) return
    this.#kept([])
    this.chat.cancel(this.id)
  }

  /** A fresh page; what runs in the old conversation goes on there. */
  restart() {
    this.show(null)
    this.#keep(null)
  }

  /** @param {string | null} id  of the conversation to be shown */
  show(id) {
    this.id = id
    this.historyEnd = 0
    this.transcript.clear()
    this.#person('')
    this.panel.cleared()
    return id ? this.#restore(id) : undefined
  }

  // -- the connection ------------------------------------------------------------------------------

  async connect() {
    const { panel } = this
    panel.tell('')
    this.refusal = null
    try {
      this.chat = await this.#open()
    } catch (error) {
      if (error instanceof ChatError) this.refusal = error
      return panel.blocked(error, () => (this.connecting = this.connect()))
    }
    const id = this.id ?? this.host.lastChat
    if (id) await this.#restore(id)
    else if (this.host.info.code) await this.#look()
    panel.refresh()
  }

  /** The element was put back. */
  attach() {
    if (this.chat && !this.chat.isConnected())
      this.connecting = this.chat.connect().catch(() => this.connect())
  }

  /** The element was taken off the page. */
  detach() {
    this.chat?.disconnect()
  }

  /** Somebody else is here now. */
  async identityChanged() {
    await this.connecting
    const { chat } = this
    this.chat = null
    chat?.disconnect()
    this.session.forget()
    this.show(null)
    this.connecting = this.connect()
    await this.connecting
  }

  /** A token that the server no longer takes makes way for a new one, once. */
  async #open() {
    const { host, session } = this
    const token = await session.token()
    const chat =
      (await this.#dial(token)) ?? ((await session.isRefused(token)) ? null : await this.#dial(token, true))
    if (chat) return chat
    if (!(await session.isRefused(token))) throw new Error(host.t('unreachable'))
    const wasSignedIn = host.identity?.token
    if (wasSignedIn) host.identity = null
    session.forget(!wasSignedIn)
    if (wasSignedIn) await this.panel.meet()
    const other = await this.#dial(await session.token())
    if (!other) throw new Error(host.t('unreachable'))
    if (wasSignedIn) {
      this.panel.tell(host.t('signed_out'))
      this.isTold = true
      host.emit('error', { code: 'SIGNED_OUT', message: host.t('signed_out') })
    }
    return other
  }

  /** @param {string} token @param {boolean} [byEvents] @returns {Promise<AIChat | null>} null when it did not open */
  async #dial(token, byEvents = Boolean(this.host.tab.get('sse'))) {
    const { host } = this
    const wsUrl = new URL(`${host.server}ai/ws`, location.href).href.replace(/^http/, 'ws')
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer
    try {
      const WebSocket = byEvents ? SseSocket : undefined
      const onEvent = (/** @type {any} */ event) => chat === (this.chat ?? chat) && this.#took(event)
      /** @type {AIChat} */
      const chat = new AIChat({
        wsUrl,
        token,
        onEvent,
        WebSocket,
        reconnectAttempts: Infinity,
        reconnectDelay: 500,
      })
      const late = new Promise(
        (_, reject) => (timer = setTimeout(() => reject(chat.disconnect()), PATIENCE_MS)),
      )
      await Promise.race([chat.connect(), late])
      host.tab.set('sse', byEvents || null)
      return chat
    } catch {
      return null
    } finally {
      clearTimeout(timer)
    }
  }

  /** Bring back a conversation: that of before the reload, or one of the history. @param {string} id */
  async #restore(id) {
    try {
      this.id = id
      const resumed = await /** @type {AIChat} */ (this.chat).resume(id, 0)
      this.#keep(id)
      this.panel.asked(false)
      this.#person(resumed.handoff ?? '', resumed.operatorName)
      this.historyEnd = resumed.seq ?? 0
      if (!this.historyEnd) this.#historyShown()
    } catch {
      if (this.id === id) this.restart() // it has expired, or belongs to somebody else
    }
  }

  /** A bot that the server does not list may still be there: starting a chat tells. */
  async #look() {
    try {
      await this.#begin()
    } catch (error) {
      const { code, message } = /** @type {any} */ (error)
      if (code === 'CHATBOT_NOT_FOUND') this.panel.missing(message)
    }
  }

  // -- what comes in -------------------------------------------------------------------------------

  /** @param {ChatEvent} event */
  #took(event) {
    const { panel, transcript } = this
    const atEnd = panel.isAtEnd()
    if (event.type === 'disconnected') this.#lost()
    if (event.type === 'connected' && !this.isTold) panel.tell('')
    this.isTold = false
    panel.scrollDown(atEnd) // the notice takes from the log's height
    if (!event.conversationId || event.conversationId !== this.id) return
    if (event.type === 'user_message') this.#taken((sent) => sent.id !== event.clientMessageId)
    if (event.type === 'error' && event.seq === undefined) this.#forget(event.clientMessageId)
    transcript.take(event)
    if (event.type === 'message') this.#heard(event.at ?? 0)
    if (!this.historyEnd) this.#news(event)
    else if ((event.seq ?? 0) >= this.historyEnd) {
      this.historyEnd = 0
      this.#historyShown()
    }
    panel.refresh()
    panel.scrollDown(atEnd)
  }

  /** What is not history is told to the page. @param {ChatEvent} event */
  #news(event) {
    const { host, panel } = this
    const { conversationId, messageId, error: message, code, state, name } = event
    if (event.type === 'done') {
      host.emit('answer', {
        text: this.chat?.getAccumulatedContent(this.id ?? '') ?? '',
        messageId,
        conversationId,
      })
      host.missed()
      if (!this.handoff && host.info.follow_ups) this.#followUps()
    } else if (event.type === 'error') host.emit('error', { code, message })
    else if (event.type === 'message') {
      host.emit('answer', { text: event.content, messageId, conversationId, name })
    } else if (event.type === 'handoff') {
      this.#person(state === 'waiting' || state === 'joined' ? state : '', name)
      host.emit('handoff', { state, name, conversationId })
    }
  }

  /** What a person wrote counts as unread until it was seen, also on another page. @param {number} at  Unix seconds */
  #heard(at) {
    const { host } = this
    const key = `seen:${host.bot}`
    const see = () => host.memory.set(key, at)
    if (host.isOpen) return see()
    if (at <= (host.memory.get(key) ?? 0)) return
    host.missed()
    host.addEventListener('appliance:open', see, { once: true })
  }

  /** The token may have ended meanwhile; the next attempt takes the new one. */
  #lost() {
    this.panel.tell(this.host.t(navigator.onLine ? 'lost' : 'offline'))
    this.session.token().catch(() => {})
  }

  /** @param {string} handoff @param {string} [name] */
  #person(handoff, name = '') {
    const { host, panel } = this
    this.handoff = handoff
    this.operator = name || this.operator
    host.memory.set(`live:${host.bot}`, handoff ? true : null)
    panel.present(handoff, this.operator || host.t('someone'))
  }

  async #followUps() {
    const { id } = this
    try {
      const { items } = await this.session.json(`widget/conversations/${id}/follow-ups`)
      if (id !== this.id || this.transcript.isBusy || !items.length) return
      const atEnd = this.panel.isAtEnd()
      this.transcript.followUps(items)
      this.panel.scrollDown(atEnd)
    } catch {
      // an answer is good without them
    }
  }

  // -- what was sent -------------------------------------------------------------------------------

  /** Questions and decisions that a reload caught on their way; the server takes each id once. */
  #historyShown() {
    const conversationId = /** @type {string} */ (this.id)
    for (const { id, text = '', files, changeId, approve = false } of this.#sending()) {
      if (changeId) {
        this.transcript.decide(id, changeId, approve)
        this.chat?.confirm(conversationId, changeId, approve, id)
      } else {
        this.transcript.ask(id, text)
        this.chat?.sendMessage(conversationId, text, id, files)
      }
    }
    this.#lookAtChanges()
    this.panel.scrollDown(true)
  }

  /** @returns {Sent[]} */
  #sending() {
    return this.host.memory.get(`sending:${this.id}`) ?? []
  }

  /** @param {Sent} sent */
  #remember(sent) {
    this.#kept([...this.#sending(), sent])
  }

  /** Refused; when the server does not say which, it was the oldest. @param {string} [id] */
  #forget(id) {
    const known = this.#sending().some((sent) => sent.id === id)
    this.#taken((sent, index) => (known ? sent.id !== id : index > 0))
  }

  /** @param {(sent: Sent, index: number) => boolean} isOnItsWay */
  #taken(isOnItsWay) {
    this.#kept(this.#sending().filter(isOnItsWay))
  }

  /** @param {Sent[]} left */
  #kept(left) {
    this.host.memory.set(`sending:${this.id}`, left.length ? left : null)
  }

  /** The tab comes back to it; other tabs keep theirs. @param {string | null} id */
  #keep(id) {
    this.id = id
    for (const memory of [this.host.tab, this.host.memory]) memory.set(`chat:${this.host.bot}`, id)
  }

  /** @param {(chat: AIChat, id: string) => unknown} act  in the conversation that is shown @returns {boolean} */
  #try(act) {
    try {
      if (!this.chat || !this.id) return false
      act(this.chat, this.id)
      return true
    } catch (error) {
      this.panel.tell(
        /** @type {any} */ (error).code === 'NOT_CONNECTED'
          ? this.host.t('lost')
          : /** @type {Error} */ (error).message,
      )
      return false
    }
  }

  // -- beside the conversation -----------------------------------------------------------------------

  /** Ask the server which of the open changes can still be decided: the log does not tell what expired. */
  async #lookAtChanges() {
    const ids = this.transcript.openChanges
    if (!ids.length) return
    try {
      const { changes } = await this.session.json(`ai/conversations/${this.id}/changes`)
      const open = new Set(changes.map((/** @type {{id: string}} */ change) => change.id))
      this.transcript.expire(ids.filter((id) => !open.has(id)))
    } catch {
      // no server just now: a decision that comes too late is refused
    }
  }

  /** One file for the next question. @param {File} file @param {(share: number) => void} onProgress @param {AbortSignal} signal */
  async upload(file, onProgress, signal) {
    const url = `${this.host.server}api/v1/widget/conversations/${await this.begin()}/files`
    return uploadFile(url, await this.session.token(), file, onProgress, signal)
  }

  /** @param {string} path  below `api/v1/` @param {string} name  of the file @returns {Promise<boolean>} */
  async save(path, name) {
    try {
      const response = await this.session.fetch(path)
      if (!response.ok) return false
      return saveFile(await response.blob(), name)
    } catch {
      return false
    }
  }
}
