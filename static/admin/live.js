// @ts-check
/** What happens now: one stream of the server for all pages, opened again when it was lost. */

const STREAM = new URL('../../admin/api/live', import.meta.url).pathname
const WAIT_MIN_MS = 1000
const WAIT_MAX_MS = 20_000

/**
 * @typedef {object} LiveEvent
 * @property {'counts' | 'conversation' | 'deleted' | 'missed' | 'connected' | 'lost'} type
 *   `connected` also comes after every loss: a page then reads its list anew, as it does when events were `missed`
 * @property {any} [data]
 */

/** @type {Set<(event: LiveEvent) => void>} */
const listeners = new Set()
/** @type {EventSource | null} */
let source = null
let wait = WAIT_MIN_MS
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer
/** The newest figures, for a page that comes later. @type {any} */
let counts = null

/** Hear of everything that happens, until the returned function is called. @param {(event: LiveEvent) => void} onEvent */
export function live(onEvent) {
  listeners.add(onEvent)
  if (counts) onEvent({ type: 'counts', data: counts })
  if (!source && timer === undefined) open()
  return () => {
    listeners.delete(onEvent)
    if (!listeners.size) close()
  }
}

function open() {
  timer = undefined
  source = new EventSource(STREAM)
  source.onopen = () => {
    wait = WAIT_MIN_MS
    tell({ type: 'connected' })
  }
  source.onerror = lost
  for (const type of /** @type {const} */ (['counts', 'conversation', 'deleted', 'missed'])) {
    source.addEventListener(type, (event) => tell({ type, data: JSON.parse(event.data) }))
  }
}

function lost() {
  close()
  tell({ type: 'lost' })
  timer = setTimeout(open, wait)
  wait = Math.min(wait * 2, WAIT_MAX_MS)
}

function close() {
  clearTimeout(timer)
  timer = undefined
  source?.close()
  source = null
  counts = null
}

/** @param {LiveEvent} event */
function tell(event) {
  if (event.type === 'counts') counts = event.data
  for (const listener of [...listeners]) listener(event)
}

/** Ends this window's turn as the one that listens while it is not seen. */
let release = () => {}
let quiet = false

/**
 * Browsers allow six connections to one server: of windows that are not seen one keeps its stream, for the count in
 * its title; the others are quiet until somebody looks at them.
 */
function seen() {
  if (!navigator.locks) return // on a plain http address
  if (document.visibilityState === 'hidden') {
    navigator.locks.request('appliance-console-live', { ifAvailable: true }, (lock) => {
      if (document.visibilityState !== 'hidden') return
      if (lock) return new Promise((resolve) => (release = () => resolve(undefined)))
      quiet = true
      close()
    })
    return
  }
  release()
  if (!quiet) return
  quiet = false
  if (listeners.size) open()
  tell({ type: 'missed' })
}

document.addEventListener('visibilitychange', seen)

addEventListener('online', () => {
  if (timer === undefined) return
  clearTimeout(timer)
  open()
})
