// @ts-check
/** What was asked of a database or a tool, folded. */
import { element } from './nodes.js'

/** @param {string} kind @param {string} title @param {string} [query] @param {boolean} [isFailed] */
export function queryDetails(kind, title, query = '', isFailed = false) {
  return element(
    'details',
    isFailed ? 'query failed' : 'query',
    element('summary', '', element('span', 'badge', kind), ` ${title}`),
    element('pre', { tabIndex: 0 }, element('code', '', query)),
  )
}
