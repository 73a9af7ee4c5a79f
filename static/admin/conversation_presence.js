// @ts-check
/** Stepping in as a person: who answers a conversation now, the ways in and out, and the place to write. */
import { ApiError, post } from './api.js'
import { Composer } from './composer.js'
import { wishOf } from './conversation_cells.js'
import { fill, h } from './dom.js'
import { badge, busy, confirmDialog, toast } from './ui.js'

export class Presence {
  /**
   * @param {string} path                   of the conversation
   * @param {import('./pages.js').Account} account
   * @param {{read: () => Promise<void>, readSoon: () => void, onLeft: () => void}} then
   */
  constructor(path, account, { read, readSoon, onLeft }) {
    this.path = path
    this.account = account
    this.read = read
    this.onLeft = onLeft
    this.node = h('div', { class: 'presence' })
    this.composer = new Composer(`${path}/messages`, readSoon)
    /** @type {any} */
    this.conversation = {}
    this.stateShown = ''
  }

  /** Whether it is this account that is there. */
  #isMine() {
    const { handoff, operator, operator_name: name } = this.conversation
    const { account } = this
    return (
      handoff === 'joined' &&
      (operator === undefined ? name === account.display_name : operator === account.name)
    )
  }

  /** Draw anew when something of it has changed. @param {import('./conversation_cells.js').Conversation} conversation */
  show(conversation) {
    this.conversation = conversation
    const { handoff, operator_name: name } = this.conversation
    const mine = this.#isMine()
    const wish = handoff === 'waiting' ? wishOf(this.conversation) : ''
    const state = JSON.stringify([handoff, name, mine, wish])
    if (state === this.stateShown) return
    this.stateShown = state
    const join = (/** @type {string} */ label) => this.#button(label, 'primary', () => this.#join())
    const resolve = this.#button('Resolve', '', () => this.#act('resolve', 'Resolved.'))
    const parts = mine
      ? [
          h(
            'p',
            null,
            badge('You are here', 'info'),
            ' The bot is silent; what you write, the visitor reads.',
          ),
          h(
            'div',
            { class: 'actions' },
            this.#button('Leave', '', () => this.#act('leave', 'You left; the bot goes on.')),
            resolve,
          ),
        ]
      : handoff === 'joined'
        ? [
            h(
              'p',
              null,
              badge(['With ', h('bdi', null, name || 'a colleague')], 'info'),
              ' A colleague is in this chat.',
            ),
            this.#button('Take over', '', () => this.#takeOver()),
          ]
        : handoff === 'waiting'
          ? [this.#waiting(wish), h('div', { class: 'actions' }, join('Join'), resolve)]
          : [h('p', { class: 'faint' }, 'The bot answers here.'), join('Join')]
    fill(this.node, h('div', { class: `presence-bar ${handoff}` }, parts))
    this.composer.show(mine)
  }

  /** Why a person is waited for: that the bot goes on matters less. @param {string} wish */
  #waiting(wish) {
    return h(
      'p',
      { class: 'wished' },
      badge('Waits for a person', 'warn'),
      ' ',
      wish && h('q', { dir: 'auto' }, wish),
      ' ',
      h('span', { class: 'faint' }, 'The bot still answers.'),
    )
  }

  /** @param {string} label @param {string} kind @param {() => Promise<unknown>} act */
  #button(label, kind, act) {
    const made = h(
      'button',
      { type: 'button', class: `button ${kind}`, on: { click: () => busy(made, act()) } },
      label,
    )
    return made
  }

  async #join(force = false) {
    try {
      await post(`${this.path}/join`, force ? { force: true } : {})
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 409 || force) throw error
      return this.#takeOver()
    }
    await this.read()
    this.composer.focus()
  }

  async #takeOver() {
    const name = this.conversation.operator_name || 'A colleague'
    const sure = await confirmDialog({
      title: 'Take over?',
      text: `${name} is in this chat and will be shown that you took over.`,
      action: 'Take over',
      harmless: true,
    })
    if (sure) await this.#join(true)
  }

  /** @param {'leave' | 'resolve'} what @param {string} words */
  async #act(what, words) {
    if (
      this.composer.text() &&
      !(await confirmDialog({
        title: 'Leave what you have typed?',
        loses: ['The message that you have not sent'],
        action: 'Go on',
      }))
    )
      return
    await post(`${this.path}/${what}`, {})
    this.composer.clear()
    toast(words, 'good')
    await this.read()
    this.onLeft()
  }
}
