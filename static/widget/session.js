// @ts-check
/** Who talks: a token for a visitor, or for the person whom the page's server has signed; and requests with it. */
import { ChatError } from '../client.js'

/** A token is renewed so long before it ends. */
const EARLY_S = 60
const JSON_BODY = { 'Content-Type': 'application/json' }
/** Timers of browsers take no longer ones. */
const TIMER_MAX_MS = 2 ** 31 - 1

export class Session {
  /** @type {{token: string, expires_at?: number} | null} */
  current = null
  /** @type {Promise<string> | null} */
  pending = null
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer

  /** @param {import('./element.js').ChatElement} host @param {(token: string) => void} onRenewed */
  constructor(host, onRenewed) {
    this.host = host
    this.onRenewed = onRenewed
  }

  /** A token that is good for a while. @returns {Promise<string>} rejects with a `ChatError` when it lets nobody like this in, or when there is no server */
  async token() {
    const { identity, memory } = this.host
    if (identity?.token) return identity.token
    if (!identity) this.current ??= memory.get('visitor')
    if (this.current && leftOf(this.current) > EARLY_S) return this.current.token
    this.pending ??= this.#ask().finally(() => (this.pending = null))
    return this.pending
  }

  /** The token is not taken any more, or somebody else is here. A visitor's is kept, for what was said as a stranger. */
  forget(isRefused = false) {
    clearTimeout(this.timer)
    this.current = null
    if (isRefused) this.host.memory.set('visitor', null)
  }

  /** @param {string} path  below `api/v1/` @param {RequestInit} [options] @param {string} [token] @returns {Promise<Response>} */
  async fetch(path, options = {}, token) {
    const headers = { ...options.headers, Authorization: `Bearer ${token ?? (await this.token())}` }
    return fetch(`${this.host.server}api/v1/${path}`, { ...options, headers })
  }

  /** @param {string} path  below `api/v1/` @returns {Promise<any>} rejects unless the server gives it */
  async json(path) {
    const response = await this.fetch(path)
    if (!response.ok) throw new Error(String(response.status))
    return response.json()
  }

  /** True when the server has done it. @param {string} method @param {string} path  below `api/v1/widget/` @param {object} [body] */
  send(method, path, body) {
    return this.fetch(`widget/${path}`, { method, headers: JSON_BODY, body: JSON.stringify(body) }).then(
      (response) => response.ok,
      () => false,
    )
  }

  /** True when the server answers, and does not take `token`. @param {string} token */
  async isRefused(token) {
    try {
      return (await this.fetch('ai/chatbots', {}, token)).status === 401
    } catch {
      return false
    }
  }

  async #ask() {
    const { bot, identity, memory, server } = this.host
    const { jwt, ...user } = identity ?? {}
    const body = { visitor: memory.get('visitor')?.token, ...(jwt ? { jwt } : identity ? { user } : {}) }
    const response = await fetch(`${server}api/v1/widget/bots/${encodeURIComponent(bot)}/session`, {
      method: 'POST',
      headers: JSON_BODY,
      body: JSON.stringify(body),
    })
    const answer = await response.json()
    if (!response.ok) throw new ChatError(answer.code, answer.error)
    this.current = answer
    this.onRenewed(answer.token)
    if (answer.kind === 'visitor')
      memory.set('visitor', { token: answer.token, expires_at: answer.expires_at })
    const wait = Math.min(Math.max(leftOf(answer) - EARLY_S, 5) * 1000, TIMER_MAX_MS)
    clearTimeout(this.timer)
    if (answer.expires_at) this.timer = setTimeout(() => this.token().catch(() => {}), wait)
    return answer.token
  }
}

/** Seconds. @param {{expires_at?: number}} token */
function leftOf({ expires_at: end }) {
  return end ? end - Date.now() / 1000 : Infinity
}
