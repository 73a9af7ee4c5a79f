// @ts-check
/** What becomes of a document: which states there are, and how far the server is with one. */
import { h } from './dom.js'
import { badge } from './ui.js'

export const STATES = { pending: 'waiting', processing: 'being read', indexed: 'ready', failed: 'failed' }
const RUNNING = ['pending', 'processing']
const STAGES = {
  waiting: 'Waiting',
  extracting: 'Reading the file',
  chunking: 'Cutting it into chunks',
  embedding: 'Making vectors',
}

/** Whether the server still works on it. @param {{status: string}} one */
export const isRunning = ({ status }) => RUNNING.includes(status)

/** @param {any} one */
export function stateCell(one) {
  if (one.status === 'failed')
    return h('div', null, badge('failed', 'bad'), h('span', { class: 'faint below' }, one.error_message))
  if (!isRunning(one)) return h('div', null, badge('ready', 'good'))
  const { stage = 'waiting', done = 0, total = 0 } = one.progress ?? {}
  const words = STAGES[/** @type {keyof typeof STAGES} */ (stage)] ?? stage
  const bar =
    total > 0
      ? h('progress', { max: String(total), value: done, 'aria-label': words })
      : h('progress', { 'aria-label': words })
  return h('div', null, badge(words, 'info'), h('span', { class: 'below' }, bar))
}
