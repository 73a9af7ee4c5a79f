// @ts-check
/** The messages of a conversation as they are stored, and the answer that is being written below them. */
import { personOf } from './conversation_cells.js'
import { h } from './dom.js'
import { messageNode, Running } from './message.js'

export class ConversationLog {
  /** @param {((turn: string) => void) | undefined} onTrace  shows how an answer came about */
  constructor(onTrace) {
    this.onTrace = onTrace
    this.node = h('ol', { class: 'messages', 'aria-label': 'Messages' })
    /** Messages that are shown: their node, and of what it was made. @type {Map<string, {node: HTMLElement, from: string}>} */
    this.shown = new Map()
    /** The answer that is being written. @type {Running | null} */
    this.running = null
    this.bot = ''
  }

  /**
   * Only what is new or has changed is made anew, so that opened parts stay open.
   * @param {import('./message.js').Message[]} messages @param {import('./conversation_cells.js').Conversation} conversation
   */
  draw(messages, conversation) {
    this.bot = conversation.bot_title || conversation.bot
    const who = { person: personOf(conversation), bot: this.bot, onTrace: this.onTrace }
    const kept = new Map()
    const settled = messages.filter(
      (one) => !(one.role === 'assistant' && ['queued', 'running'].includes(one.status ?? '')),
    )
    for (const message of settled) {
      const from = JSON.stringify(message)
      const known = this.shown.get(message.id)
      kept.set(message.id, known?.from === from ? known : { node: messageNode(message, who), from })
    }
    this.shown = kept
    const nodes = [...kept.values()].map(({ node }) => node)
    if (settled.length < messages.length) this.running ??= new Running(this.bot)
    if (this.running) nodes.push(this.running.node)
    if (!nodes.length) nodes.push(h('li', { class: 'message note' }, 'Nothing was said yet.'))
    for (const [at, node] of nodes.entries())
      if (this.node.children[at] !== node) this.node.insertBefore(node, this.node.children[at] ?? null)
    while (this.node.childElementCount > nodes.length) this.node.lastElementChild?.remove()
  }

  /** More of the answer that is being written. @param {any} frame */
  take(frame) {
    if (!this.running) {
      this.running = new Running(this.bot)
      this.node.append(this.running.node)
    }
    this.running.take(frame)
  }

  /** That answer is whole: it stays until it is read as it was stored. @returns {boolean} whether there was one */
  settle() {
    if (!this.running) return false
    this.running.end()
    this.running = null
    return true
  }
}
