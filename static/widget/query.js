// @ts-check
/** What was asked of a database or a tool, folded. */
import { element } from './nodes.js'

/** @param {string} kind @param {string} title @param {string} [query] @param {boolean} [isFailed] */
export function queryDetails(kind, title, query = '', isFailed = false) {
  const details = element('details', isFailed ? 'query failed' : 'query')
  const head = element('summary')
  head.append(element('span', 'badge', kind), ` ${title}`)
  const block = element('pre')
  block.tabIndex = 0
  block.append(element('code', '', query))
  details.append(head, block)
  return details
}
