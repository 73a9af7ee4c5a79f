// @ts-check
/** What a conversation is, in a few words: the cells of its line in lists, shared by the pages that show them. */
import { h } from './dom.js'
import { icon } from './icons.js'
import { badge, number, when } from './ui.js'

/**
 * @typedef {object} Conversation
 * @property {string} id
 * @property {string} title
 * @property {string} preview
 * @property {string} bot
 * @property {string} bot_title        what people call it
 * @property {string} namespace
 * @property {string} owner
 * @property {string} person
 * @property {string} source
 * @property {number} created_at
 * @property {number} last_message_at
 * @property {number} message_count
 * @property {number} tokens
 * @property {'' | 'waiting' | 'joined'} handoff
 * @property {string} operator_name
 * @property {string} handoff_reason   why a person is waited for
 * @property {string} helped_by        who of the team was in it and has left
 * @property {number} positive
 * @property {number} negative
 * @property {number} errors
 * @property {boolean} running
 */

/** A title that was cut in the middle of a sentence ends in one sign for it, not in a full stop and three dots. */
const CUT = /[\s.,;:!?…–-]*\.{3}$/

/** What a conversation is called. @param {Conversation} one @returns {string} empty before anything was said */
export function titleOf({ title, preview }) {
  return title ? title.replace(CUT, '…') : preview
}

/** Its title, and why a person is waited for, or else how its last question begins. @param {Conversation} one */
export function titleCell(one) {
  const more = moreOf(one)
  return h(
    'span',
    { class: 'subject' },
    h('bdi', { class: 'line' }, titleOf(one) || 'No message yet'),
    more && h('bdi', { class: `line faint small ${one.handoff === 'waiting' ? 'wish' : ''}` }, more),
  )
}

/** @param {Conversation} one */
function moreOf(one) {
  if (one.handoff === 'waiting') return wishOf(one)
  return one.title && one.preview !== one.title ? one.preview : ''
}

/** Why a person is waited for: what was told, or the last words of who waits. @param {Conversation} one */
export const wishOf = (one) => one.handoff_reason || one.preview

/** Who waits, who is or was there, whether an answer is being written, what went wrong. @param {Conversation} one */
export function stateCell(one) {
  const told = [
    one.handoff === 'waiting' && badge('Waits for a person', 'warn'),
    one.handoff === 'joined' && badge(['With ', h('bdi', null, one.operator_name || 'a colleague')], 'info'),
    one.running && badge('Answering', 'good'),
    one.helped_by &&
      h(
        'span',
        { class: 'helped', title: `${one.helped_by} was in this conversation and has left.` },
        icon('person'),
        h('span', { class: 'unseen' }, 'helped by '),
        h('bdi', null, one.helped_by),
      ),
    one.errors > 0 && badge(`${number(one.errors)} ${one.errors === 1 ? 'error' : 'errors'}`, 'bad'),
    thumbs(one.positive, 'up', 'good'),
    thumbs(one.negative, 'down', 'bad'),
  ].filter(Boolean)
  return told.length ? h('span', { class: 'badges' }, told) : null
}

/** @param {number} count @param {'up' | 'down'} name @param {string} word */
function thumbs(count, name, word) {
  const words = h('span', { class: 'unseen' }, `${word}: `)
  return count > 0 && h('span', { class: 'thumbs', title: `${count} ${word}` }, icon(name), words, count)
}

/** @param {Conversation} one */
export const personCell = (one) => h('bdi', null, personOf(one))

/** A name, an id, or for visitors without a name a short word that tells them apart. @param {Conversation} one */
export function personOf({ person, owner }) {
  const [kind, id] = (owner ?? '').split(/:(.*)/s)
  if (kind === 'visitor' && (!person || person === id)) return `Visitor ${id.slice(0, 4)}`
  return person && person !== 'anon' ? person : 'Visitor'
}

/** @param {Conversation} one */
export const botCell = (one) => h('bdi', null, one.bot_title || one.bot)

/** @param {Conversation} one */
export const timeCell = (one) => when(one.last_message_at || one.created_at)
