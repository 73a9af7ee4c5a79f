// @ts-check
/** What bots are called in lists: their title for people, and the name that pages and programs know them by. */
import { h } from './dom.js'

/** @typedef {{name: string, namespace?: string, title?: string}} Named */

/** With the namespace where it is not the usual one. @param {Named} bot @returns {string} */
export function addressOf({ namespace, name }) {
  return !namespace || namespace === 'default' ? name : `${namespace}/${name}`
}

/** In one line, as in a list to choose from. @param {Named} bot @returns {string} */
export function labelOf(bot) {
  const address = addressOf(bot)
  return bot.title && bot.title !== bot.name ? `${bot.title} (${address})` : address
}

/** As the cell of a table: the title, and the name below where that is another. @param {Named} bot */
export function nameCell(bot) {
  const title = bot.title || bot.name
  const address = addressOf(bot)
  return [
    h('span', { dir: 'auto' }, title),
    title !== address && h('code', { class: 'below faint', dir: 'auto' }, address),
  ]
}
