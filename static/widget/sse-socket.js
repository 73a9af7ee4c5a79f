// @ts-check
/**
 * A WebSocket's surface over plain HTTP, for networks that let no WebSocket through: the server's frames come
 * as server-sent events, ours are posted one by one. `new AIChat({ WebSocket: SseSocket })`.
 */
export class SseSocket {
  readyState = 0
  /** @type {(() => void) | null} */
  onopen = null
  /** @type {((message: {data: string}) => void) | null} */
  onmessage = null
  /** @type {((close: {code: number}) => void) | null} */
  onclose = null
  onerror = null
  /** Frames that wait for the one before them to arrive. @type {string[]} */
  waiting = []
  posting = false
  stop = new AbortController()

  /** @param {string} url  as for a WebSocket: `wss://host/ai/ws?token=…` */
  constructor(url) {
    this.url = new URL(url.replace(/^ws/, 'http').replace(/\/ai\/ws/, '/ai/events'))
    this.#listen()
  }

  /** @param {string} frame */
  send(frame) {
    this.waiting.push(frame)
    this.#post()
  }

  close(code = 1000) {
    if (this.readyState === 3) return
    this.readyState = 3
    this.stop.abort()
    this.onclose?.({ code })
  }

  async #listen() {
    try {
      const answer = await fetch(this.url, { signal: this.stop.signal, cache: 'no-store' })
      if (!answer.ok || !answer.body) return this.close(1006)
      const reader = answer.body.getReader()
      const decoder = new TextDecoder()
      let text = ''
      for (;;) {
        const { value, done } = await reader.read()
        if (done) break
        text += decoder.decode(value, { stream: true })
        const events = text.split('\n\n')
        text = events.pop() ?? ''
        events.forEach((event) => this.#take(event))
      }
    } catch {
      // told by the close
    }
    this.close(1006)
  }

  /** @param {string} event */
  #take(event) {
    const lines = event.split('\n')
    const data = lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice(6))
    if (!data.length || this.readyState > 1) return
    if (lines[0] !== 'event: open') return this.onmessage?.({ data: data.join('\n') })
    this.url.pathname += `/${JSON.parse(data[0]).id}`
    this.url.search = ''
    this.readyState = 1
    this.onopen?.()
  }

  async #post() {
    if (this.posting) return
    this.posting = true
    try {
      for (let frame = this.waiting.shift(); frame !== undefined; frame = this.waiting.shift()) {
        // text/plain needs no leave of the server, which would cost another request.
        const answer = await fetch(this.url, { method: 'POST', body: frame, signal: this.stop.signal })
        if (answer.status === 413) this.close(1009)
        else if (!answer.ok) this.close(1006)
      }
    } catch {
      this.close(1006)
    }
    this.posting = false
  }
}
