// @ts-check
/** What happens now: who waits, who is helped, and which answers are being written, as cards. */
import { get, live } from '../api.js'
import { botCell, personCell, stateCell, titleOf, wishOf } from '../conversation_cells.js'
import { fill, h } from '../dom.js'
import { pageUrl } from '../route.js'
import { emptyState, number, pageHead, when } from '../ui.js'

/** @typedef {import('../conversation_cells.js').Conversation} Conversation */

/** A conversation without a message for so long is no longer live. */
const LIVE_S = 15 * 60
const SHOWN = 100

/** @type {import('../pages.js').Page} */
export const page = {
  path: 'live',
  title: 'Live',
  async show(root, { signal }) {
    /** @type {Map<string, Conversation>} */
    const known = new Map()
    const counts = h('p', { class: 'lead', role: 'status' })
    const parts = h('div', { class: 'stack' })
    root.append(pageHead('Live', { lead: counts }), parts)
    const draw = () => fill(parts, ...sections([...known.values()]))
    const read = async () => {
      const [newest, waiting, joined] = await Promise.all(
        [
          { limit: SHOWN, start: Math.floor(Date.now() / 1000 - LIVE_S) },
          { handoff: 'waiting', limit: SHOWN },
          { handoff: 'joined', limit: SHOWN },
        ].map((query) => get('conversations', query, signal)),
      )
      known.clear()
      for (const { items } of [newest, waiting, joined]) for (const one of items) known.set(one.id, one)
      draw()
    }
    await read()
    let late = false
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let soon
    const stop = live(({ type, data }) => {
      if (type === 'counts')
        fill(
          counts,
          `${number(data.live)} open, ${number(data.running)} being answered, ${number(data.waiting)} waiting, ${number(data.joined)} with a colleague.`,
        )
      if (type === 'lost') late = true
      if (type === 'connected' && late) read().catch(() => {})
      if (type === 'connected') late = false
      if (type === 'conversation') known.set(data.id, data)
      if (type === 'missed') read().catch(() => {})
      if (type === 'deleted') known.delete(data.id)
      clearTimeout(soon)
      soon = setTimeout(draw, 100)
    })
    const timer = setInterval(draw, 30_000)
    return () => {
      stop()
      clearInterval(timer)
      clearTimeout(soon)
    }
  },
}

/** @param {Conversation[]} all */
function sections(all) {
  const now = Date.now() / 1000
  const newestFirst = (/** @type {Conversation} */ a, /** @type {Conversation} */ b) =>
    b.last_message_at - a.last_message_at
  const waiting = all
    .filter((one) => one.handoff === 'waiting')
    .sort((a, b) => a.last_message_at - b.last_message_at)
  const joined = all.filter((one) => one.handoff === 'joined').sort(newestFirst)
  const running = all.filter((one) => !one.handoff && one.running).sort(newestFirst)
  const recent = all
    .filter((one) => !one.handoff && !one.running && now - one.last_message_at < LIVE_S)
    .sort(newestFirst)
  const made = [
    part('Waiting for a person', waiting, 'warn'),
    part('With a colleague', joined, 'info'),
    part('Being answered', running, 'good'),
    part('In the last minutes', recent, ''),
  ].filter(Boolean)
  return made.length
    ? made
    : [
        emptyState({
          icon: 'live',
          title: 'All is quiet.',
          text: 'Chats appear here while they happen; nobody waits for a person.',
          action: h('a', { class: 'button', href: pageUrl('conversations') }, 'See all conversations'),
        }),
      ]
}

/** @param {string} title @param {Conversation[]} list @param {string} kind */
function part(title, list, kind) {
  if (!list.length) return null
  return h(
    'section',
    { class: 'stack', 'aria-label': title },
    h('h2', null, title, ' ', h('span', { class: `count ${kind}` }, list.length)),
    h(
      'ul',
      { class: 'cards plain-list' },
      list.map((one) => h('li', null, liveCard(one, kind))),
    ),
  )
}

/** @param {Conversation} one @param {string} kind */
function liveCard(one, kind) {
  const words = one.handoff === 'waiting' ? wishOf(one) : one.preview
  const counted = ` · ${number(one.message_count)} ${one.message_count === 1 ? 'message' : 'messages'}`
  return h(
    'a',
    { class: `card live-card ${kind}`, href: pageUrl('conversations', one.id) },
    h(
      'span',
      { class: 'live-head' },
      h('strong', null, personCell(one)),
      h('span', { class: 'faint small' }, when(one.last_message_at)),
    ),
    h('bdi', { class: 'live-text' }, words || titleOf(one) || 'No message yet'),
    h(
      'span',
      { class: 'live-foot' },
      h('span', { class: 'faint small' }, botCell(one), counted),
      stateCell(one),
    ),
  )
}
