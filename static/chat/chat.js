// @ts-check
/** The full-page chat at `/chat/{bot}`: connects the client, the transcript and the form. */
import { AIChat, MESSAGE_CHARS_MAX, isTooLong } from '../client.js'
import { Memory } from './memory.js'
import { element } from '../widget/table.js'
import { Transcript } from '../widget/transcript.js'

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
    this.token = takeToken() ?? sessionToken()
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
      onDecide: (changeId, approve) => this.decide(changeId, approve),
      onDue: () => this.#lookAtChanges(),
      onSave: (resultId) => this.#save(resultId),
    })
  }

  async start() {
    document.title = BOT
    byId('name').textContent = BOT
    this.#listen()
    await this.#enter()
    input.focus()
  }

  async #enter() {
    const { token } = this
    this.connecting = this.#connect()
    let [bot] = await Promise.all([this.#describe(), this.connecting])
    if (this.token !== token) bot = await this.#describe()
    if (bot) this.#greet(bot)
    else await this.#lookForBot()
    this.#refresh()
  }

  /** A sign-in link that was opened over this page. */
  async #signIn() {
    const token = takeToken()
    if (token === null) return
    await this.connecting
    const { chat } = this
    this.chat = null
    chat?.disconnect()
    this.token = token
    this.conversationId = null
    this.transcript.clear()
    byId('welcome').hidden = false
    await this.#enter()
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

  /** @param {string} changeId @param {boolean} approve @returns {string | null} null when it cannot be sent */
  decide(changeId, approve) {
    if (!this.chat || !this.conversationId) return null
    const id = newId()
    try {
      this.chat.confirm(this.conversationId, changeId, approve, id)
    } catch (error) {
      tell(/** @type {Error} */ (error).message)
      return null
    }
    this.memory.set(`sending:${BOT}`, [...this.#sending(), { id, changeId, approve }])
    return id
  }

  async submit() {
    const text = input.value.trim()
    if (this.transcript.isBusy) return this.stop()
    if (!text) return
    if (isTooLong(text)) {
      return tell(`The message is too long: at most ${MESSAGE_CHARS_MAX.toLocaleString()} characters.`)
    }
    tell('')
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
    window.addEventListener('hashchange', () => this.#signIn())
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

  /** A token that the server no longer takes makes way for a new visitor's, once. */
  async #open() {
    const kept = this.token ?? this.memory.get('visitor')
    try {
      return await this.#dial(kept ?? (await this.#visitor()))
    } catch (error) {
      if (!kept || !(await isRefused(kept))) throw error
    }
    if (this.token === null) {
      this.memory.set('visitor', null)
      return this.#open()
    }
    this.token = forgetToken()
    const chat = await this.#open()
    tell('Your sign-in link has expired.')
    return chat
  }

  /** @param {string} token */
  async #dial(token) {
    const wsUrl = new URL('ai/ws', BASE).href.replace(/^http/, 'ws')
    const onEvent = (/** @type {any} */ event) => {
      if (chat === this.chat) this.#took(event)
    }
    /** @type {AIChat} */
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
      if (this.historyEnd === 0) this.#historyShown()
    } catch {
      this.restart() // it has expired, or belongs to somebody else
    }
  }

  /** Questions and decisions that a reload caught on their way; the server takes each id once. */
  #historyShown() {
    const conversationId = /** @type {string} */ (this.conversationId)
    for (const { id, text, changeId, approve = false } of this.#sending()) {
      if (changeId) {
        this.transcript.decide(id, changeId, approve)
        this.chat?.confirm(conversationId, changeId, approve, id)
      } else {
        this.transcript.ask(id, text ?? '')
        this.chat?.sendMessage(conversationId, text ?? '', id)
      }
    }
    this.#lookAtChanges()
  }

  /** Ask the server which of the open changes can still be decided: the log does not tell what expired. */
  async #lookAtChanges() {
    const ids = this.transcript.openChanges
    if (!ids.length) return
    try {
      const response = await this.#get(`conversations/${encodeURIComponent(this.conversationId ?? '')}/changes`)
      if (!response.ok) return
      const { changes } = await response.json()
      const open = new Set(changes.map((/** @type {{id: string}} */ change) => change.id))
      this.transcript.expire(ids.filter((id) => !open.has(id)))
    } catch {
      // no server just now: a decision that comes too late is refused
    }
  }

  /** @param {string} path  below `api/v1/ai/` */
  #get(path) {
    const token = this.token ?? this.memory.get('visitor')
    const headers = token ? { Authorization: `Bearer ${token}` } : undefined
    return fetch(new URL(`api/v1/ai/${path}`, BASE), { headers })
  }

  /** All rows of a result as a file. @param {string} resultId @returns {Promise<boolean>} */
  async #save(resultId) {
    try {
      const response = await this.#get(`results/${encodeURIComponent(resultId)}?format=csv`)
      if (!response.ok) return false
      const address = URL.createObjectURL(await response.blob())
      const link = /** @type {HTMLAnchorElement} */ (element('a'))
      link.href = address
      link.download = `${BOT}-result.csv`
      link.click()
      setTimeout(() => URL.revokeObjectURL(address), 10_000)
      return true
    } catch {
      return false
    }
  }

  /** @returns {{id: string, text?: string, changeId?: string, approve?: boolean}[]} */
  #sending() {
    return this.memory.get(`sending:${BOT}`) ?? []
  }

  /** @param {import('../client.js').ChatEvent} event */
  #took(event) {
    const atEnd = isAtEnd()
    if (event.type === 'disconnected') tell('Connection lost. Reconnecting…')
    if (event.type === 'connected') tell('')
    scrollDown(atEnd) // the notice takes from the log's height
    if (!event.conversationId || event.conversationId !== this.conversationId) return
    if (event.type === 'user_message') this.#taken((sent) => sent.id !== event.clientMessageId)
    if (event.type === 'error' && event.seq === undefined) this.#forget(event.clientMessageId)
    this.transcript.take(event)
    if (this.historyEnd && (event.seq ?? 0) >= this.historyEnd) {
      this.historyEnd = 0
      this.#historyShown()
    }
    this.#refresh()
    scrollDown(atEnd)
  }

  /** Refused; when the server does not say which, it was the oldest. @param {string} [id] */
  #forget(id) {
    const known = this.#sending().some((sent) => sent.id === id)
    this.#taken((sent, index) => (known ? sent.id !== id : index > 0))
  }

  /** @param {(sent: {id: string}, index: number) => boolean} isOnItsWay */
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
      return null // no server: the notice tells
    }
  }

  /** A bot that is not listed may still be there: starting a chat tells. */
  async #lookForBot() {
    if (!this.chat || this.conversationId) return
    try {
      const id = await this.chat.startChat(BOT, this.namespace)
      this.conversationId ??= id // unless a quick question started one meanwhile
    } catch (error) {
      const { code, message } = /** @type {any} */ (error)
      if (code !== 'CHATBOT_NOT_FOUND') return
      const link = element('a', '', 'See the bots that are here.')
      link.setAttribute('href', BASE.href)
      byId('description').replaceChildren(`${message} `, link)
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
function takeToken() {
  const hash = new URLSearchParams(location.hash.slice(1))
  const query = new URLSearchParams(location.search)
  const token = hash.get('token') ?? query.get('token')
  if (token === null) return null
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

function forgetToken() {
  try {
    sessionStorage.removeItem('appliance:token')
  } catch {
    // it was not kept there
  }
  return null
}

/** True when the server answers, and does not take `token`. @param {string} token */
async function isRefused(token) {
  try {
    const headers = { Authorization: `Bearer ${token}` }
    return (await fetch(new URL('api/v1/ai/chatbots', BASE), { headers })).status === 401
  } catch {
    return false
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
  const atEnd = isAtEnd()
  input.style.height = 'auto'
  input.style.height = `${input.scrollHeight}px`
  scrollDown(atEnd)
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
