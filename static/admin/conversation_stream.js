// @ts-check
/**
 * What one conversation tells while it happens. The stream is open only while the window is seen: a browser allows
 * few connections to one server, and a team member may have many conversations open in tabs.
 */
import { apiUrl } from './api.js'

const WAIT_MS = 2000
/** What was missed comes at once; a pause of this length ends it where its end cannot be told by its position. */
const CAUGHT_UP_MS = 200
const ENDS = ['done', 'cancelled', 'error']

/**
 * Hear every frame behind a position, until the returned function is called. At first, and after a loss, `resumed`
 * comes and then what the running answer has so far; what is finished by then has to be read from the conversation.
 * @param {string} path @param {number} after  the `seq` of the reading that is shown @param {(frame: any) => void} onFrame
 */
export function follow(path, after, onFrame) {
  let position = after
  /** @type {EventSource | null} */
  let source = null
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  const close = () => {
    clearTimeout(timer)
    source?.close()
    source = null
  }
  const open = () => {
    close()
    if (document.visibilityState === 'hidden') return
    const past = new Past(position, onFrame)
    source = new EventSource(apiUrl(path, { after: position }))
    source.onmessage = ({ data }) => {
      const frame = JSON.parse(data)
      if (frame.type !== 'resumed' && typeof frame.seq === 'number') position = Math.max(position, frame.seq)
      if (!past.take(frame)) onFrame(frame)
    }
    source.onerror = () => {
      close()
      timer = setTimeout(open, WAIT_MS)
    }
  }
  open()
  document.addEventListener('visibilitychange', open)
  return () => {
    document.removeEventListener('visibilitychange', open)
    close()
  }
}

/**
 * Holds what was told before the connection stood, and gives on what is of the answer that is not finished; of those
 * that are, only that they ended.
 */
class Past {
  /** @param {number} from @param {(frame: any) => void} onFrame */
  constructor(from, onFrame) {
    this.from = from
    this.end = from
    this.onFrame = onFrame
    /** @type {any[]} */
    this.held = []
    this.over = false
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined
  }

  /** @param {any} frame @returns {boolean} whether it is of the past */
  take(frame) {
    if (this.over) return false
    if (frame.type === 'resumed') {
      this.end = frame.seq
      this.onFrame(frame)
      if (this.end <= this.from) this.#finish()
    } else if (frame.seq > this.end) {
      this.#finish()
      return false
    } else if (ENDS.includes(frame.type) || frame.type === 'user_message') {
      this.held = []
      if (frame.type !== 'user_message') this.onFrame(frame)
    } else this.held.push(frame)
    clearTimeout(this.timer)
    if (this.over) return true
    if (frame.type !== 'resumed' && frame.seq >= this.end) this.#finish()
    else this.timer = setTimeout(() => this.#finish(), CAUGHT_UP_MS)
    return true
  }

  #finish() {
    clearTimeout(this.timer)
    if (this.over) return
    this.over = true
    for (const frame of this.held.filter(({ type }) =>
      ['content', 'progress', 'query_result', 'tool_result'].includes(type),
    ))
      this.onFrame(frame)
  }
}
