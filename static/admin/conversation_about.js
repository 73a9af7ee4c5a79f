// @ts-check
/** The card beside a conversation: whose it is, how it came, and its figures. */
import { botCell, personCell } from './conversation_cells.js'
import { h } from './dom.js'
import { facts } from './message.js'
import { pageUrl } from './route.js'
import { card, number, when } from './ui.js'

/** @param {import('./conversation_cells.js').Conversation} one @param {string} botId  of the bot's page; '' where there is none */
export function aboutCard(one, botId) {
  return card(
    'About',
    {},
    facts([
      ['Bot', botId ? h('a', { href: pageUrl('bots', botId) }, botCell(one)) : botCell(one)],
      ['Namespace', one.namespace === 'default' ? null : one.namespace],
      ['Person', personCell(one)],
      ['Known as', one.owner === 'anon' ? null : one.owner],
      ['Came by', one.source],
      ['Began', when(one.created_at)],
      ['Last', when(one.last_message_at)],
      ['Messages', number(one.message_count)],
      ['Tokens', number(one.tokens)],
      [
        'Feedback',
        one.positive || one.negative ? `${number(one.positive)} good, ${number(one.negative)} bad` : null,
      ],
      ['Errors', one.errors ? number(one.errors) : null],
      ['Helped by', one.helped_by || null],
      ['Id', h('code', null, one.id)],
    ]),
  )
}
