// @ts-check
/** Figures over time as bars, one to a step, with the same figures as a table behind. */
import { fill, h, svg } from './dom.js'

const WIDTH = 600
const HEIGHT = 150
const TOP = 8
const BOTTOM = 20
const STEPS_LABELLED = 6
const DAY_S = 86_400

/**
 * @typedef {object} Series
 * @property {string} label
 * @property {string} key
 * @property {string} [kind]   `bad` for what should not be
 */

/**
 * A chart with its heading, the sum, and a button that shows a table instead.
 * @param {object} what
 * @param {string} what.title
 * @param {string} what.key                      of the points
 * @param {any[]} what.points                    each with `at` in Unix seconds
 * @param {(n: number) => string} what.format
 * @param {string} [what.total]
 * @param {'' | 'bad'} [what.kind]
 * @param {{value: number, label: string} | null} [what.limit]  a line across
 * @returns {HTMLElement}
 */
export function chart({ title, key, points, format, total, kind = '', limit = null }) {
  const values = points.map((point) => Number(point[key] ?? 0))
  const told = h('p', { class: 'chart-point faint', 'aria-hidden': 'true' })
  const drawing = draw(values, points, format, kind, limit, `${title}: ${total ?? ''}`, told)
  const table = h('div', {
    hidden: true,
    class: 'chart-table',
    tabindex: 0,
    role: 'region',
    'aria-label': `${title}, as a table`,
  })
  const swap = h(
    'button',
    {
      type: 'button',
      class: 'link small',
      'aria-pressed': 'false',
      'aria-label': `${title} as a table`,
      on: {
        click: () => {
          const isTable = table.hidden
          if (!table.firstChild) fill(table, tableOf(title, values, points, format))
          table.hidden = !isTable
          drawing.toggleAttribute('hidden', isTable)
          swap.setAttribute('aria-pressed', String(isTable))
        },
      },
    },
    'Table',
  )
  return h(
    'section',
    { class: `card chart ${kind}`, 'aria-label': title },
    h('div', { class: 'card-head' }, h('h2', null, title), h('span', { class: 'row' }, told, swap)),
    drawing,
    table,
  )
}

/** @param {any[]} points */
const span = (points) => (points.length > 1 ? points[1].at - points[0].at : DAY_S)

/** @param {any[]} points @param {number} at */
function label(points, at) {
  const hours = span(points) < DAY_S
  return new Date(points[at].at * 1000).toLocaleString(
    undefined,
    hours ? { hour: '2-digit', minute: '2-digit' } : { day: 'numeric', month: 'short' },
  )
}

/**
 * @param {number[]} values @param {any[]} points @param {(n: number) => string} format @param {string} kind
 * @param {{value: number, label: string} | null} limit @param {string} words @param {Element} told
 */
function draw(values, points, format, kind, limit, words, told) {
  const top = niceTop(Math.max(...values, limit?.value ?? 0, 0))
  const room = HEIGHT - TOP - BOTTOM
  const y = (/** @type {number} */ value) => TOP + room * (1 - value / top)
  const step = WIDTH / Math.max(values.length, 1)
  const bars = values.map((value, at) => {
    const height = value > 0 ? Math.max(2, HEIGHT - BOTTOM - y(value)) : 0
    const tell = () => fill(told, `${label(points, at)}: ${format(value)}`)
    return svg(
      'g',
      null,
      svg('rect', {
        class: 'bar-mark',
        x: at * step + step * 0.14,
        y: HEIGHT - BOTTOM - height,
        width: step * 0.72,
        height,
        rx: Math.min(3, step * 0.2),
      }),
      hover(
        svg(
          'rect',
          { class: 'bar-field', x: at * step, y: 0, width: step, height: HEIGHT - BOTTOM },
          svg('title', null, `${label(points, at)}: ${format(value)}`),
        ),
        tell,
        () => fill(told),
      ),
    )
  })
  const every = Math.max(1, Math.ceil(values.length / STEPS_LABELLED))
  const names = values.map((_, at) => at).filter((at) => at % every === 0)
  return h(
    'div',
    { class: 'chart-box' },
    h(
      'span',
      { class: 'chart-top faint', 'aria-hidden': 'true' },
      top > 0 && Math.max(...values, 0) > 0 ? format(top) : '',
    ),
    svg(
      'svg',
      {
        class: 'drawing',
        viewBox: `0 0 ${WIDTH} ${HEIGHT - BOTTOM + 2}`,
        preserveAspectRatio: 'none',
        role: 'img',
        'aria-label': words,
      },
      [0, 0.5, 1].map((part) =>
        svg('line', { class: 'grid-line', x1: 0, x2: WIDTH, y1: y(top * part), y2: y(top * part) }),
      ),
      bars,
      limit && svg('line', { class: 'limit', x1: 0, x2: WIDTH, y1: y(limit.value), y2: y(limit.value) }),
    ),
    h(
      'div',
      { class: 'chart-names faint', 'aria-hidden': 'true' },
      names.map((at) => h('span', null, label(points, at))),
    ),
  )
}

/** @param {SVGElement} node @param {() => void} enter @param {() => void} leave */
function hover(node, enter, leave) {
  node.addEventListener('pointerenter', enter)
  node.addEventListener('pointerleave', leave)
  return node
}

/** A round figure at or above the largest one. @param {number} most */
function niceTop(most) {
  if (most <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(most))
  return ([1, 2, 2.5, 5, 10].find((step) => step * power >= most) ?? 10) * power
}

/** @param {string} title @param {number[]} values @param {any[]} points @param {(n: number) => string} format */
function tableOf(title, values, points, format) {
  return h(
    'table',
    null,
    h(
      'thead',
      null,
      h('tr', null, h('th', { scope: 'col' }, 'Time'), h('th', { scope: 'col', class: 'numeric' }, title)),
    ),
    h(
      'tbody',
      null,
      values.map((value, at) =>
        h('tr', null, h('td', null, label(points, at)), h('td', { class: 'numeric' }, format(value))),
      ),
    ),
  )
}
