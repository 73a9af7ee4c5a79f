// @ts-check
/**
 * Talk to a bot from a browser or from Node: one WebSocket that reconnects and resumes by itself.
 *
 *     const chat = new AIChat({ wsUrl: 'ws://localhost:8080/ai/ws', onContent: (delta) => show(delta) })
 *     await chat.connect()
 *     const conversationId = await chat.startChat('sql-assistant')
 *     chat.sendMessage(conversationId, 'Show me the top 10 users by order count')
 *
 * Nothing is lost and nothing comes twice over a reconnect: the server numbers every frame of a
 * conversation (`seq`), the client names the last number it saw, and an unacknowledged message is sent
 * again under the same id, which the server takes as one message. No dependency, no DOM.
 */

/** The delay between attempts doubles with each failure, up to this. */
const RECONNECT_DELAY_MAX_MS = 15_000

/** Longest message that a server takes, in characters (code points). */
export const MESSAGE_CHARS_MAX = 100_000

/** WebSocket close code: a frame was over the server's limit. */
const FRAME_TOO_LONG = 1009

/**
 * @typedef {object} Usage
 * @property {number} prompt_tokens
 * @property {number} completion_tokens
 * @property {number} total_tokens
 * @property {boolean} [estimated]
 *
 * @typedef {object} Change  of the team's data
 * @property {string} id  empty when it needed nobody's word
 * @property {'proposed' | 'applied' | 'declined' | 'failed'} status  a proposed one waits for `confirm`
 * @property {'INSERT' | 'UPDATE' | 'DELETE'} operation
 * @property {string} table
 * @property {{before: Record<string, unknown> | null, after: Record<string, unknown> | null}[]} rows
 *   `before` is null for a new row, `after` for a deleted one
 * @property {string} [expiresAt]  RFC 3339
 *
 * @typedef {object} ChatEvent  `type` says which of the other fields mean something
 * @property {string} type  chat_started, resumed, user_message, progress, sources, content, query_result,
 *   tool_result, done, cancelled, error, message (a person of the team writes), handoff, message_deleted; and the
 *   client's own: connected, disconnected
 * @property {string} [conversationId]
 * @property {number} [seq]
 * @property {string} [chatbot]
 * @property {string} [step]
 * @property {string} [message]
 * @property {string} [delta]
 * @property {string} [query]
 * @property {string} [summary]
 * @property {number} [rowCount]
 * @property {Record<string, unknown>[]} [data]
 * @property {string[]} [columns]
 * @property {string[]} [types]  of the columns: integer, number, decimal, text, date, datetime, boolean,
 *   blob, mixed
 * @property {boolean} [truncated]
 * @property {string} [resultId]  all rows: `GET /api/v1/ai/results/<id>?format=json|csv`
 * @property {Change} [change]
 * @property {Usage} [usage]
 * @property {string} [content]
 * @property {string} [messageId]
 * @property {string} [clientMessageId]
 * @property {boolean} [running]
 * @property {number} [at]  Unix seconds
 * @property {string} [role]  of a `message`: operator
 * @property {string} [name]  of the person who writes, or who came or left
 * @property {'waiting' | 'joined' | 'left' | 'ended'} [state]  of a `handoff`
 * @property {'' | 'waiting' | 'joined'} [handoff]  with `resumed`: whether a person is asked for, or there
 * @property {string} [operatorName]  with `resumed`
 * @property {string} [error]
 * @property {string} [code]
 * @property {number} [retryAfter]  seconds
 *
 * @typedef {object} AIChatOptions
 * @property {string} [wsUrl]  default: `/ai/ws` of the page's own host
 * @property {string} [token]
 * @property {(delta: string, conversationId: string) => void} [onContent]
 * @property {(step: string, message: string, conversationId: string) => void} [onProgress]
 * @property {(query: string, summary: string, rowCount: number,
 *   data: Record<string, unknown>[], conversationId: string) => void} [onQueryResult]
 * @property {(sources: Record<string, unknown>[], conversationId: string) => void} [onSources]  passages that
 *   the answer can cite as `[number]`: number, title, content, knowledge_base, similarity, page, url …
 * @property {(change: Change, summary: string, conversationId: string) => void} [onChange]  proposed or
 *   decided, after `onQueryResult`
 * @property {(name: string, content: string, conversationId: string) => void} [onMessage]  a person of the team
 *   writes; without it, and without `onEvent`, their words come as an answer does, by `onContent` and `onDone`
 * @property {(state: string, name: string, conversationId: string) => void} [onHandoff]  waiting, joined, left, ended
 * @property {(usage: Usage | undefined, conversationId: string) => void} [onDone]
 * @property {(error: string, code: string | undefined,
 *   conversationId: string | undefined) => void} [onError]
 * @property {(event: ChatEvent) => void} [onEvent]
 * @property {number} [reconnectAttempts]  default 3; `Infinity` never gives up
 * @property {number} [reconnectDelay]  milliseconds before the first attempt, default 1000
 * @property {any} [WebSocket]  the class to use where there is no global one (Node 20: `ws`)
 */

/** What the server, or the way to it, refused. `code` is the contract, `message` is for people. */
export class ChatError extends Error {
  /** @param {string} code @param {string | undefined} text @param {number} [retryAfter] seconds */
  constructor(code, text, retryAfter) {
    super(text)
    this.name = 'ChatError'
    this.code = code
    this.retryAfter = retryAfter
  }
}

export class AIChat {
  /** @type {any} */
  socket = null
  stopped = true
  failures = 0
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer
  /** @type {{frame: object, resolve: (value: any) => void, reject: (error: Error) => void}[]} */
  starts = []
  /** @type {{frame: any, resolve: (value: any) => void, reject: (error: Error) => void}[]} */
  resumes = []
  /** @type {Map<string | undefined, Conversation>} */
  conversations = new Map()

  /** @param {AIChatOptions} [options] */
  constructor(options = {}) {
    /** @type {AIChatOptions & {reconnectAttempts: number, reconnectDelay: number}} */
    this.options = /** @type {any} */ (options)
    STANDALONE: this.options = { reconnectAttempts: 3, reconnectDelay: 1000, ...options }
  }

  /**
   * Open the connection. Rejects with a `ChatError` when it cannot be opened; no further attempt is
   * made then. Connected already: nothing happens.
   * @returns {Promise<void>}
   */
  async connect() {
    if (this.isConnected()) return
    this.#drop()
    this.stopped = false
    this.failures = 0
    try {
      await this.#open()
    } catch (error) {
      this.stopped = true
      throw error
    }
  }

  /** Hang up and do not reconnect; a waiting `startChat` rejects. */
  disconnect() {
    const wasOpen = this.isConnected()
    this.#drop()
    this.#end()
    if (wasOpen) this.#tell({ type: 'disconnected' })
  }

  /** Speak with another token from now on: over a new connection, on which everything goes on. @param {string} token */
  renew(token) {
    this.options.token = token
    const before = this.socket
    if (!this.isConnected()) return
    this.#open().catch(() => {
      if (this.stopped) return
      this.#tell({ type: 'disconnected' })
      this.#reconnect()
    })
    before.close()
  }

  /** True while the WebSocket is open; false also while reconnecting. */
  isConnected() {
    return this.socket?.readyState === 1
  }

  /**
   * Open a conversation, or resume one; one that cannot be resumed gives a new id.
   * @param {string} chatbot
   * @param {string} [namespace]
   * @param {string} [conversationId]
   * @param {string} [impersonateUserId]
   * @returns {Promise<string>} the conversation's id; rejects with a `ChatError`
   */
  startChat(chatbot, namespace, conversationId, impersonateUserId) {
    const frame = { type: 'start_chat', chatbot, namespace: namespace || 'default' }
    STANDALONE: Object.assign(frame, {
      conversation_id: conversationId || undefined,
      impersonate_user_id: impersonateUserId || undefined,
    })
    return this.#request(this.starts, frame)
  }

  /**
   * Read a conversation from behind position `after` (0: its whole history); the frames follow
   * through the callbacks.
   * @param {string} conversationId
   * @param {number} [after]
   * @returns {Promise<ChatEvent>} the `resumed` event; rejects with NO_SESSION for an unknown one
   */
  async resume(conversationId, after = 0) {
    if (this.stopped) throw notConnected()
    const conversation = this.#conversation(conversationId)
    conversation.rewind(after)
    return this.#request(this.resumes, conversation.resumeFrame())
  }

  /**
   * Send a message; while reconnecting it waits for the connection. The same `messageId` twice is one
   * message and one answer, also over reconnects. Throws a `ChatError` INVALID_MESSAGE for one that is
   * longer than `MESSAGE_CHARS_MAX`.
   * @param {string} conversationId
   * @param {string} content
   * @param {string} [messageId]
   * @param {string[]} [files]  ids of files that were uploaded to the conversation
   * @returns {string} the message's id
   */
  sendMessage(conversationId, content, messageId = newId(), files) {
    STANDALONE: if (isTooLong(content)) throw tooLong()
    return this.#post(conversationId, 'message', messageId, { content, files })
  }

  /**
   * Answer a question of the user anew; what followed it is deleted (`message_deleted` events). Not kept for a
   * later connection: throws NOT_CONNECTED without one.
   * @param {string} conversationId
   * @param {string} messageId  of the question: the server's id or the client's
   * @param {string} [content]  the question's new text
   */
  retry(conversationId, messageId, content) {
    STANDALONE: if (content !== undefined && isTooLong(content)) throw tooLong()
    this.#now({ type: 'retry', conversation_id: conversationId, message_id: messageId, content })
  }

  /**
   * Ask for a person of the team, or call that off; `handoff` events tell what becomes of it. Throws NOT_CONNECTED
   * without a connection.
   * @param {string} conversationId
   * @param {boolean} [wanted]
   */
  handoff(conversationId, wanted = true) {
    this.#now({ type: 'handoff', conversation_id: conversationId, wanted })
  }

  /**
   * Carry out a proposed change, or decline it. It is a message of the user with an answer of its own:
   * while reconnecting it waits for the connection, and the same `messageId` twice is one decision. What
   * became of the change comes as an event with the same change id; an `error` event with the code
   * CHANGE_DECIDED or CHANGE_NOT_FOUND refuses it.
   * @param {string} conversationId
   * @param {string} changeId
   * @param {boolean} approve
   * @param {string} [messageId]
   * @returns {string} the message's id
   */
  confirm(conversationId, changeId, approve, messageId = newId()) {
    return this.#post(conversationId, 'confirm', messageId, { change_id: changeId, approve })
  }

  /**
   * Stop the running answer and drop queued messages; a `cancelled` event confirms it.
   * @param {string} conversationId
   */
  cancel(conversationId) {
    if (this.stopped) throw notConnected()
    const conversation = this.#conversation(conversationId)
    conversation.cancelling = true
    conversation.outbox.clear()
    this.#send(conversation.cancelFrame())
  }

  /**
   * The answer's text so far, since the newest message of the conversation.
   * @param {string} conversationId
   */
  getAccumulatedContent(conversationId) {
    return this.conversations.get(conversationId)?.text ?? ''
  }

  // -- the connection ------------------------------------------------------------------------------

  /** @returns {Promise<void>} */
  #open() {
    return new Promise((resolve, reject) => {
      const [WebSocketClass, url] = target(this.options)
      const socket = (this.socket = new WebSocketClass(url))
      let opened = false
      socket.onopen = () => {
        opened = true
        // Until the server says anything: accepted and closed at once, for ever, is a failure too.
        this.failures += 1
        for (const frame of this.#backlog()) this.#send(frame)
        this.#tell({ type: 'connected' })
        resolve()
      }
      socket.onmessage = (/** @type {{data: unknown}} */ message) => {
        this.failures = 0
        this.#received(message.data)
      }
      const ended = (/** @type {{code?: number}} */ close = {}) => {
        if (this.socket !== socket) return reject(notConnected())
        this.socket = null
        if (opened) {
          if (close.code === FRAME_TOO_LONG) this.#refuseLongest()
          this.#tell({ type: 'disconnected' })
          this.#reconnect()
        } else {
          let text = ''
          STANDALONE: text = `cannot connect to ${this.options.wsUrl ?? url}`
          reject(new ChatError('CONNECT_FAILED', text))
        }
      }
      socket.onclose = ended
      // Node 20 tells a failed opening by `error` alone, browsers by both; nobody tells the reason.
      socket.onerror = () => opened || ended()
    })
  }

  /** Sent again, a frame over the limit would end the next connection too: the longest message is given up. */
  #refuseLongest() {
    const unsent = [...this.conversations.values()].flatMap((conversation) =>
      [...conversation.outbox].map(([id, frame]) => ({ conversationId: conversation.id, id, size: JSON.stringify(frame).length })),
    )
    if (!unsent.length) return
    const { conversationId, id } = unsent.reduce((longest, one) => (one.size >= longest.size ? one : longest))
    const { code, message } = tooLong()
    this.failures = 0
    this.#take({ type: 'error', conversationId, clientMessageId: id, code, error: message })
  }

  #reconnect() {
    if (this.stopped) return
    STANDALONE: if (this.failures >= this.options.reconnectAttempts) {
      return this.#end(new ChatError('CONNECTION_LOST', 'the connection was lost'))
    }
    let longest = RECONNECT_DELAY_MAX_MS
    STANDALONE: longest = Math.max(longest, this.options.reconnectDelay)
    const delay = Math.min(this.options.reconnectDelay * 2 ** this.failures, longest)
    this.timer = setTimeout(() => {
      this.#open().catch(() => {
        this.failures += 1
        this.#reconnect()
      })
    }, delay)
  }

  #drop() {
    this.stopped = true
    clearTimeout(this.timer)
    const { socket } = this
    this.socket = null
    socket?.close()
  }

  /** It is over for good; with an `error` when nobody asked for that. @param {ChatError} [error] */
  #end(error) {
    this.stopped = true
    let text = ''
    STANDALONE: text = 'disconnected before the answer came'
    let refusal = new ChatError('CONNECTION_LOST', text)
    STANDALONE: refusal = error ?? refusal
    for (const request of [...this.starts.splice(0), ...this.resumes.splice(0)]) {
      request.reject(refusal)
    }
    STANDALONE: if (error) this.#tell({ type: 'error', error: error.message, code: error.code })
  }

  /** Frames that a fresh connection has to carry first, in order. */
  #backlog() {
    const conversations = [...this.conversations.values()]
    return [...this.starts.map((start) => start.frame), ...conversations.flatMap((c) => c.backlog())]
  }

  /** @param {string} conversationId @param {string} type @param {string} messageId @param {object} fields */
  #post(conversationId, type, messageId, fields) {
    if (this.stopped) throw notConnected()
    this.#send(this.#conversation(conversationId).post(type, messageId, fields))
    return messageId
  }

  /** Without a connection the backlog of the next one carries it. @param {object} frame */
  #send(frame) {
    if (this.isConnected()) this.socket.send(JSON.stringify(frame))
  }

  /** Nothing that may wait: it would mean something else later. @param {object} frame */
  #now(frame) {
    if (!this.isConnected()) throw notConnected()
    this.#send(frame)
  }

  /** @param {any[]} queue @param {object} frame @returns {Promise<any>} */
  #request(queue, frame) {
    return new Promise((resolve, reject) => {
      if (this.stopped) return reject(notConnected())
      queue.push({ frame, resolve, reject })
      this.#send(frame)
    })
  }

  // -- what comes in -------------------------------------------------------------------------------

  /** @param {unknown} data */
  #received(data) {
    let frame
    try {
      frame = JSON.parse(String(data))
    } catch {
      STANDALONE: console.error('AIChat: ignored a frame that is not JSON')
      return
    }
    if (frame && typeof frame.type === 'string') this.#take(toEvent(frame))
  }

  /** Settle what waits for `event`, drop what was seen before, tell everybody the rest. @param {ChatEvent} event */
  #take(event) {
    if (event.type === 'chat_started') this.#started(event)
    else if (event.type === 'resumed' || event.code === 'NO_SESSION') this.#resumed(event)
    else if (event.type === 'error' && !event.conversationId) this.starts.shift()?.reject(toError(event))
    const conversation = this.conversations.get(event.conversationId)
    const unseen = conversation ? conversation.take(event) : event
    if (unseen) this.#tell(unseen)
  }

  /** @param {ChatEvent} event */
  #started(event) {
    const conversation = this.#conversation(event.conversationId ?? '')
    if (event.seq !== undefined) {
      // From here on the server also tells which messages it took (`user_message`).
      conversation.seq ??= event.seq
      this.#send(conversation.resumeFrame())
    }
    this.starts.shift()?.resolve(event.conversationId)
  }

  /** @param {ChatEvent} event */
  #resumed(event) {
    const isAnswered = (/** @type {any} */ request) =>
      request.frame.conversation_id === event.conversationId
    const waiting = this.resumes
    this.resumes = waiting.filter((request) => !isAnswered(request))
    for (const request of waiting.filter(isAnswered)) {
      if (event.type === 'resumed') request.resolve(event)
      else request.reject(toError(event))
    }
    if (event.code === 'NO_SESSION') this.conversations.delete(event.conversationId)
  }

  /** @param {ChatEvent} event */
  #tell(event) {
    const { options } = this
    // The widget, which is bundled without what is labelled so, listens to `onEvent` only.
    STANDALONE: {
      const where = event.conversationId ?? ''
      if (event.type === 'content' && event.delta) {
        call(options.onContent, event.delta, where)
      } else if (event.type === 'progress') {
        call(options.onProgress, event.step ?? '', event.message ?? '', where)
      } else if (event.type === 'query_result') {
        const { query = '', summary = '', rowCount = 0, data = [] } = event
        call(options.onQueryResult, query, summary, rowCount, data, where)
      } else if (event.type === 'sources') {
        call(options.onSources, event.data ?? [], where)
      } else if (event.type === 'message') {
        tellMessage(options, event, where)
      } else if (event.type === 'handoff' && event.state) {
        call(options.onHandoff, event.state, event.name ?? '', where)
      } else if (event.type === 'done') {
        call(options.onDone, event.usage, where)
      } else if (event.type === 'error') {
        call(options.onError, event.error ?? '', event.code, event.conversationId)
      }
      if (event.change) call(options.onChange, event.change, event.summary ?? '', where)
    }
    call(options.onEvent, event)
  }

  /** @param {string} id */
  #conversation(id) {
    const known = this.conversations.get(id)
    if (known) return known
    const fresh = new Conversation(id)
    this.conversations.set(id, fresh)
    return fresh
  }
}

export { AIChat as FluxbaseAIChat }

/**
 * The public REST calls, and chats that know the server's address.
 * @param {string} url  of the server, for example `http://localhost:8080`
 * @param {string} [key]  an API key or token, sent with the REST calls only
 */
export function createClient(url, key) {
  const base = url.replace(/\/+$/, '')
  const headers = key ? { apikey: key, Authorization: `Bearer ${key}` } : undefined
  /** @param {string} path @returns {Promise<{data: any, error: Error | null}>} */
  const get = async (path) => {
    try {
      const response = await fetch(`${base}/api/v1/ai/${path}`, { headers })
      const body = await response.json()
      if (response.ok) return { data: body, error: null }
      return { data: null, error: new ChatError(body.code ?? String(response.status), body.error) }
    } catch (error) {
      return { data: null, error: /** @type {Error} */ (error) }
    }
  }
  const ai = {
    listChatbots: async () => {
      const { data, error } = await get('chatbots')
      return { data: data && data.chatbots, error }
    },
    lookupChatbot: (/** @type {string} */ name) =>
      get(`chatbots/by-name/${encodeURIComponent(name)}`),
    /** @param {AIChatOptions} options */
    createChat: (options) =>
      new AIChat({ wsUrl: `${base.replace(/^http/, 'ws')}/ai/ws`, ...options }),
  }
  return { ai }
}

/** What this side knows of one conversation; it touches no socket. */
class Conversation {
  /** Position of the last frame seen; undefined when the server does not number its frames. @type {number | undefined} */
  seq
  text = ''
  /** Message id -> frame of messages and decisions that the server has not acknowledged, oldest first. @type {Map<string | undefined, object>} */
  outbox = new Map()
  cancelling = false
  resuming = false
  /** @type {Set<string>} */
  typesAtSeq = new Set()

  /** @param {string} id */
  constructor(id) {
    this.id = id
  }

  /** Count from `after`, so that what lies behind it is news again. @param {number} after */
  rewind(after) {
    this.seq = after
    this.typesAtSeq.clear()
  }

  /**
   * `event` without the part that was seen before, or null when all of it was.
   * @param {ChatEvent} event
   * @returns {ChatEvent | null}
   */
  take(event) {
    if (event.type === 'resumed' || event.seq === undefined) {
      if (event.type === 'resumed' || event.type === 'error') this.resuming = false
      // A server that was set back to a backup counts from there.
      if (event.seq !== undefined) this.seq = Math.min(this.seq ?? event.seq, event.seq)
    } else if (event.type !== 'chat_started') {
      // What comes before `resumed` comes again after it, in its place.
      const unseen = this.resuming ? null : this.#unseen(event, event.seq)
      if (!unseen) return null
      event = unseen
    }
    this.#note(event)
    return event
  }

  /** What a fresh connection has to send for this conversation. */
  backlog() {
    const frames = this.seq === undefined ? [] : [this.resumeFrame()]
    frames.push(...this.outbox.values())
    if (this.cancelling) frames.push(this.cancelFrame())
    return frames
  }

  /**
   * The frame of a new message or decision; it stays in the outbox until the server acknowledges it.
   * @param {string} type @param {string} messageId @param {object} fields @returns {object}
   */
  post(type, messageId, fields) {
    this.text = ''
    const frame = { type, conversation_id: this.id, ...fields, message_id: messageId }
    this.outbox.set(messageId, frame)
    return frame
  }

  /** @returns {object} */
  resumeFrame() {
    this.resuming = true
    return { type: 'resume', conversation_id: this.id, after: this.seq ?? 0 }
  }

  /** @returns {object} */
  cancelFrame() {
    return { type: 'cancel', conversation_id: this.id }
  }

  /** @param {ChatEvent} event @param {number} seq @returns {ChatEvent | null} */
  #unseen(event, seq) {
    const last = this.seq ?? -1
    // One position may be told in several frames (`done` and `cancelled`), each once.
    if (seq < last || (seq === last && this.typesAtSeq.has(event.type))) return null
    if (seq === last) {
      this.typesAtSeq.add(event.type)
      return event
    }
    this.seq = seq
    this.typesAtSeq = new Set([event.type])
    if (event.type !== 'content' || last < 0) return event
    // Positions count characters (code points), not UTF-16 units.
    return { ...event, delta: Array.from(event.delta ?? '').slice(-(seq - last)).join('') }
  }

  /** @param {ChatEvent} event */
  #note(event) {
    if (event.type === 'content') {
      this.text += event.delta ?? ''
    } else if (event.type === 'user_message') {
      this.text = ''
      this.outbox.delete(event.clientMessageId)
    } else if (event.type === 'error' && event.seq === undefined) {
      this.#forget(event.clientMessageId ?? event.messageId)
    } else if (event.type === 'done' && event.seq === undefined) {
      this.#forget()
    } else if (event.type === 'cancelled') {
      this.cancelling = false
    }
  }

  /** The server refused a message; when it does not say which, it was the oldest. @param {string} [id] */
  #forget(id = '') {
    const [oldest = ''] = this.outbox.keys()
    this.outbox.delete(this.outbox.has(id) ? id : oldest)
  }
}

/** @param {AIChatOptions} options @returns {[any, string]}  the class of the socket, and where to */
function target(options) {
  const WebSocketClass = options.WebSocket ?? globalThis.WebSocket
  STANDALONE: if (!WebSocketClass) {
    throw new ChatError(
      'NO_WEBSOCKET',
      'this JavaScript runtime has no WebSocket: pass one, new AIChat({ WebSocket }), with `ws` from ' +
        'npm for example, or run Node 22, or `node --experimental-websocket`',
    )
  }
  let base = options.wsUrl ?? ''
  STANDALONE: base ||= defaultUrl()
  let separator = '?'
  STANDALONE: if (base.includes('?')) separator = '&'
  const url = options.token ? `${base}${separator}token=${encodeURIComponent(options.token)}` : base
  return [WebSocketClass, url]
}

function defaultUrl() {
  if (!globalThis.location) throw new ChatError('NO_URL', 'wsUrl is needed outside a browser')
  return new URL('/ai/ws', globalThis.location.href.replace(/^http/, 'ws')).href
}

/** `message_id` becomes `messageId`; what is null is left out. @param {object} fields @returns {any} */
function camelCased(fields) {
  const there = Object.entries(fields).filter(([, value]) => value !== null)
  return Object.fromEntries(
    there.map(([name, value]) => [name.replace(/_(.)/g, (_, letter) => letter.toUpperCase()), value]),
  )
}

/** @param {Record<string, unknown>} frame @returns {ChatEvent} */
function toEvent(frame) {
  const event = camelCased(frame)
  if (event.change) event.change = { id: '', rows: [], ...camelCased(event.change) }
  return event
}

/** @param {ChatEvent} event */
function toError(event) {
  return new ChatError(event.code ?? 'ERROR', event.error, event.retryAfter)
}

/** @param {string} content */
export function isTooLong(content) {
  return content.length > MESSAGE_CHARS_MAX && Array.from(content).length > MESSAGE_CHARS_MAX
}

function tooLong() {
  return new ChatError('INVALID_MESSAGE', 'The message is too long.')
}

function notConnected() {
  let text = ''
  STANDALONE: text = 'not connected: await connect() first'
  return new ChatError('NOT_CONNECTED', text)
}

/** @param {((...values: any[]) => void) | undefined} callback @param {unknown[]} values */
function call(callback, ...values) {
  try {
    callback?.(...values)
  } catch (error) {
    // A fault in one callback must not end the connection for the others.
    console.error(error)
  }
}

/** A person's words; who listens for no person has them as an answer. @param {AIChatOptions} options
 * @param {ChatEvent} event @param {string} where */
function tellMessage({ onContent, onDone, onEvent, onMessage }, { name = '', content = '' }, where) {
  if (onMessage || onEvent) {
    call(onMessage, name, content, where)
    return
  }
  call(onContent, content, where)
  call(onDone, { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }, where)
}

/** A name that nobody else has given. */
export function newId() {
  STANDALONE: if (typeof globalThis.crypto?.randomUUID === 'function') return crypto.randomUUID()
  // randomUUID is missing on plain-http pages of another host than localhost.
  return crypto.getRandomValues(new Uint32Array(4)).join('-')
}
