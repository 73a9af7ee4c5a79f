// @ts-check
/** The full-page chat at `/chat/{bot}`: connects the client, the transcript and the form. */
import { AIChat } from '../client.js'
import { Memory } from './memory.js'
import { element } from './table.js'
import { Transcript } from './transcript.js'

const BASE = new URL('../../', import.meta.url)
const BOT = decodeURIComponent(location.pathname.replace(/\/+$/, '').split('/').pop() ?? '')

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id)

const log = byId('log')
const form = byId('form')
const input = byId('input')
const send = byId('send')
const notice = byId('notice')

class Page {
  constructor() {
    this.memory = new Memory(`appliance${BASE.pathname}`)
    this.token = tokenOfAddress()
    /** Settled when the first connection stands, or has failed. @type {Promise<void>} */
    this.connecting = Promise.resolve()
    this.namespace = 'default'
    /** @type {AIChat | null} */
    this.chat = null
    /** @type {string | null} */
    this.conversationId = null
    /** Log position up to which a resumed conversation is history. */
    this.historyEnd = 0
    this.transcript = new Transcript(log, {
      onRetry: (text) => this.ask(text),
      announce: (text) => (byId('announcer').textContent = text),
    })
  }

  async start() {
    document.title = BOT
    byId('name').textContent = BOT
    this.#listen()
    this.connecting = this.#connect()
    const [bot] = await Promise.all([this.#describe(), this.connecting])
    if (bot) this.#greet(bot)
    this.#refresh()
    input.focus()
  }

  // -- what people do ------------------------------------------------------------------------------

  /** @param {string} text @returns {Promise<boolean>} false when there is no connection to send it on */
  async ask(text) {
    await this.connecting
    if (!this.chat) return false
    const id = newId()
    byId('welcome').hidden = true
    this.transcript.ask(id, text)
    this.#refresh()
    scrollDown(true)
    try {
      this.conversationId ??= await this.chat.startChat(BOT, this.namespace)
      this.memory.set(`chat:${BOT}`, this.conversationId)
      this.memory.set(`sending:${BOT}`, [...this.#sending(), { id, text }])
      this.chat.sendMessage(this.conversationId, text, id)
    } catch (error) {
      const { message, code, retryAfter } = /** @type {any} */ (error)
      this.transcript.take({ type: 'error', error: message, code, retryAfter })
    }
    this.#refresh()
    return true
  }

  async submit() {
    const text = input.value.trim()
    if (this.transcript.isBusy) return this.stop()
    if (!text) return
    write('')
    if (!(await this.ask(text))) write(text)
    this.#refresh()
  }

  stop() {
    if (!this.chat || !this.conversationId || !this.transcript.isBusy) return
    this.memory.set(`sending:${BOT}`, null)
    this.chat.cancel(this.conversationId)
  }

  restart() {
    this.stop()
    this.conversationId = null
    this.memory.set(`chat:${BOT}`, null)
    this.memory.set(`sending:${BOT}`, null)
    this.transcript.clear()
    byId('welcome').hidden = false
    this.#refresh()
    input.focus()
  }

  #listen() {
    form.addEventListener('submit', (/** @type {Event} */ event) => {
      event.preventDefault()
      this.submit()
    })
    input.addEventListener('input', () => {
      grow()
      this.#refresh()
    })
    input.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
      event.preventDefault()
      if (!this.transcript.isBusy) form.requestSubmit()
    })
    document.addEventListener('keydown', (event) => event.key === 'Escape' && this.stop())
    byId('new').addEventListener('click', () => this.restart())
    byId('down').addEventListener('click', () => scrollDown(true))
    log.parentElement.addEventListener('scroll', () => (byId('down').hidden = isAtEnd()))
  }

  // -- the connection ------------------------------------------------------------------------------

  async #connect() {
    tell('')
    try {
      this.chat = await this.#open()
    } catch (error) {
      console.error(error)
      const retry = () => (this.connecting = this.#connect().then(() => this.#refresh()))
      tell('No connection to the chat. The server may be down, or WebSockets may be blocked.', retry)
      return
    }
    await this.#restore()
  }

  /** A visitor's token that the server no longer takes is replaced by a new one, once. */
  async #open() {
    const kept = this.memory.get('visitor')
    try {
      return await this.#dial(this.token ?? kept ?? (await this.#visitor()))
    } catch (error) {
      if (this.token !== null || !kept) throw error
      return await this.#dial(await this.#visitor())
    }
  }

  /** @param {string} token */
  async #dial(token) {
    const wsUrl = new URL('ai/ws', BASE).href.replace(/^http/, 'ws')
    const onEvent = (/** @type {any} */ event) => this.#took(event)
    const chat = new AIChat({ wsUrl, token, onEvent, reconnectAttempts: Infinity, reconnectDelay: 500 })
    await chat.connect()
    return chat
  }

  async #visitor() {
    const response = await fetch(new URL('api/v1/ai/visitor', BASE), { method: 'POST' })
    if (!response.ok) throw new Error(`no visitor token: HTTP status ${response.status}`)
    const { token } = await response.json()
    this.memory.set('visitor', token)
    return token
  }

  /** Bring back the conversation of before the reload. */
  async #restore() {
    const id = this.memory.get(`chat:${BOT}`)
    if (!id || !this.chat) return
    try {
      this.conversationId = id
      const resumed = await this.chat.resume(id, 0)
      byId('welcome').hidden = true
      this.historyEnd = resumed.seq ?? 0
      if (this.historyEnd === 0) this.#sendAgain()
    } catch {
      this.restart() // it has expired, or belongs to somebody else
    }
  }

  /** Questions that a reload caught on their way; the server takes each id once. */
  #sendAgain() {
    for (const { id, text } of this.#sending()) {
      this.transcript.ask(id, text)
      this.chat?.sendMessage(/** @type {string} */ (this.conversationId), text, id)
    }
  }

  /** @returns {{id: string, text: string}[]} */
  #sending() {
    return this.memory.get(`sending:${BOT}`) ?? []
  }

  /** @param {import('../client.js').ChatEvent} event */
  #took(event) {
    if (event.type === 'disconnected') tell('Connection lost. Reconnecting…')
    if (event.type === 'connected') tell('')
    if (!event.conversationId || event.conversationId !== this.conversationId) return
    const follow = isAtEnd()
    if (event.type === 'user_message') this.#taken((sent) => sent.id !== event.clientMessageId)
    if (event.type === 'error' && event.seq === undefined) this.#taken((_, index) => index > 0)
    this.transcript.take(event)
    if (this.historyEnd && (event.seq ?? 0) >= this.historyEnd) {
      this.historyEnd = 0
      this.#sendAgain()
    }
    this.#refresh()
    scrollDown(follow)
  }

  /** @param {(sent: {id: string, text: string}, index: number) => boolean} isOnItsWay */
  #taken(isOnItsWay) {
    const left = this.#sending().filter(isOnItsWay)
    this.memory.set(`sending:${BOT}`, left.length ? left : null)
  }

  // -- what is shown -------------------------------------------------------------------------------

  /** @returns {Promise<any>} what the server tells strangers about the bot, if anything */
  async #describe() {
    try {
      const headers = this.token ? { Authorization: `Bearer ${this.token}` } : undefined
      const path = `api/v1/ai/chatbots/by-name/${encodeURIComponent(BOT)}`
      const { chatbot } = await (await fetch(new URL(path, BASE), { headers })).json()
      this.namespace = chatbot?.namespace ?? this.namespace
      return chatbot
    } catch {
      return null // an unlisted bot, or no server: the first question will tell
    }
  }

  /** @param {{description?: string, suggestions?: string[]}} bot */
  #greet({ description, suggestions = [] }) {
    if (description) byId('description').textContent = description
    const buttons = suggestions.map((text) => {
      const button = element('button', 'suggestion', text)
      button.setAttribute('type', 'button')
      button.addEventListener('click', () => this.ask(text))
      return button
    })
    byId('suggestions').replaceChildren(...buttons)
  }

  #refresh() {
    const { isBusy, isEmpty } = this.transcript
    send.classList.toggle('stop', isBusy)
    send.setAttribute('aria-label', isBusy ? 'Stop' : 'Send')
    send.title = isBusy ? 'Stop (Esc)' : 'Send (Enter)'
    send.disabled = !isBusy && !input.value.trim()
    byId('new').disabled = isEmpty
  }
}

/** `#token=` is preferred, since it never reaches a server's log; it leaves the address bar either way. */
function tokenOfAddress() {
  const hash = new URLSearchParams(location.hash.slice(1))
  const query = new URLSearchParams(location.search)
  const token = hash.get('token') ?? query.get('token')
  if (token === null) return sessionToken()
  try {
    sessionStorage.setItem('appliance:token', token)
  } catch {
    // it then lasts until the reload
  }
  query.delete('token')
  history.replaceState(null, '', location.pathname + (query.size ? `?${query}` : ''))
  return token
}

function sessionToken() {
  try {
    return sessionStorage.getItem('appliance:token')
  } catch {
    return null
  }
}

/** @param {string} text  empty hides the notice @param {() => void} [retry] */
function tell(text, retry) {
  notice.replaceChildren(text)
  notice.hidden = !text
  if (!retry) return
  const button = element('button', 'quiet', 'Try again')
  button.addEventListener('click', retry)
  notice.append(button)
}

/** @param {string} text */
function write(text) {
  input.value = text
  grow()
}

function grow() {
  input.style.height = 'auto'
  input.style.height = `${input.scrollHeight}px`
}

function isAtEnd() {
  const pane = log.parentElement
  return pane.scrollHeight - pane.scrollTop - pane.clientHeight < 60
}

/** @param {boolean} follow  false leaves a reader who has scrolled up alone */
function scrollDown(follow) {
  const pane = log.parentElement
  if (follow) pane.scrollTop = pane.scrollHeight
  byId('down').hidden = isAtEnd()
}

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

new Page().start()
