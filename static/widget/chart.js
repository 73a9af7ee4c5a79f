// @ts-check
/** A result as a picture: bars or lines, drawn as SVG of nodes. The table behind it says the same in words. */
import { drawn, element } from './nodes.js'
import { isMissing, toText } from './values.js'

/** About the width of the chat, so that words are as large as they say. */
const WIDTH = 400
const HEIGHT = 240
const TOP = 14
const BOTTOM = 44
const TICKS = 5
const LABELS_MAX = 8
/** Where one series is so much larger than another, each gets a picture. */
const RATIO_MAX = 50
const LETTER_WIDTH = 7

/**
 * @param {object} drawing
 * @param {Record<string, unknown>[]} drawing.data
 * @param {import('./table.js').Column[]} drawing.columns
 * @param {number} drawing.label  which column names the places
 * @param {number[]} drawing.values  which ones count
 * @param {string} drawing.kind  bar, line; else what suits
 * @param {string} drawing.title
 * @param {boolean} [drawing.isPart]  of several pictures
 * @param {import('./transcript.js').Known} hooks
 * @returns {HTMLElement}
 */
export function chart(drawing, hooks) {
  const { data, columns, label, values, kind, title, isPart } = drawing
  const { t, locale } = hooks
  const peaks = values.map((index) =>
    Math.max(...data.map((row) => Math.abs(numberOf(row[columns[index].name]) ?? 0))),
  )
  if (Math.max(...peaks) > RATIO_MAX * Math.min(...peaks)) {
    const parts = element('div')
    parts.append(...values.map((index) => chart({ ...drawing, values: [index], isPart: true }, hooks)))
    return parts
  }
  const names = columns[label]
  const isTime = /^date/.test(names.type)
  const isLine = kind ? kind === 'line' : isTime
  const sorted =
    isTime && isDescending(data.map((row) => toText(row[names.name]))) ? [...data].reverse() : data
  const places = sorted.map((row) => (isMissing(row[names.name]) ? '–' : names.format(row[names.name])))
  const lists = values.map((index) => sorted.map((row) => numberOf(row[columns[index].name])))
  const ticks = niceTicks(lists.flat().filter((value) => value !== null))
  const short = new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 2 })
  const tickTexts = ticks.map((tick) => short.format(tick))
  const left = 14 + 7 * Math.max(...tickTexts.map((text) => text.length))
  const step = (WIDTH - left - 8) / places.length
  const x = (/** @type {number} */ place) => left + step * (place + 0.5)
  const [low, high] = [ticks[0], ticks[ticks.length - 1]]
  const y = (/** @type {number} */ value) => TOP + (HEIGHT - TOP - BOTTOM) * ((high - value) / (high - low))

  const box = element('div', 'chart')
  const legends = values.map((index) => columns[index].name)
  const svg = drawn('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', direction: 'ltr' })
  svg.ariaLabel = summary()
  ticks.forEach((tick, index) => {
    svg.append(
      drawn('line', {
        class: tick === 0 ? 'axis' : 'grid',
        x1: left,
        x2: WIDTH - 8,
        y1: y(tick),
        y2: y(tick),
      }),
    )
    svg.append(drawn('text', { x: left - 6, y: y(tick) + 4, 'text-anchor': 'end' }, tickTexts[index]))
  })
  const every = Math.ceil(places.length / LABELS_MAX)
  const rows = places.length > 3 ? 2 : 1
  const room = Math.floor((step * every * rows) / LETTER_WIDTH)
  places.forEach((place, index) => {
    if (index % every) return
    const lowered = ((index / every) % rows) * 16
    svg.append(
      drawn(
        'text',
        { x: x(index), y: HEIGHT - BOTTOM + 18 + lowered, 'text-anchor': 'middle' },
        cut(place, room),
      ),
    )
  })
  lists.forEach((list, number) => svg.append(isLine ? line(list, number) : bars(list, number)))
  box.append(svg)
  if (isPart || legends.length > 1) {
    const legend = element('p', 'legend')
    legends.forEach((name, number) => {
      const item = element('span', `series-${number + 1}`)
      item.append(element('bdi', '', name))
      legend.append(item)
    })
    box.append(legend)
  }
  return box

  /** @param {number} place @param {number} number @param {number} value */
  function words(place, number, value) {
    return `${places[place]}: ${legends.length > 1 ? `${legends[number]} ` : ''}${columns[values[number]].format(value)}`
  }

  function summary() {
    const parts = lists.map((list, number) => {
      const there = list.filter((value) => value !== null)
      const { format } = columns[values[number]]
      return t('chart_range', {
        name: legends[number],
        low: format(Math.min(...there)),
        high: format(Math.max(...there)),
      })
    })
    const kindText = t(isLine ? 'line_chart' : 'bar_chart', { n: places.length })
    return `${title ? `${title}. ` : ''}${kindText} ${parts.join(' ')}`
  }

  /** @param {(number | null)[]} list @param {number} number */
  function bars(list, number) {
    const group = drawn('g', { class: `series-${number + 1}` })
    const width = Math.min(step * 0.75, 72) / lists.length
    list.forEach((value, place) => {
      if (value === null) return
      const from = x(place) + width * (number - lists.length / 2)
      const [a, b] = [y(Math.max(value, 0)), y(Math.min(value, 0))]
      const bar = drawn('rect', {
        x: from,
        y: a,
        width: Math.max(width - 1, 1),
        height: Math.max(b - a, 1),
        rx: 2,
      })
      bar.append(drawn('title', {}, words(place, number, value)))
      group.append(bar)
    })
    return group
  }

  /** Missing values leave a gap. @param {(number | null)[]} list @param {number} number */
  function line(list, number) {
    const group = drawn('g', { class: `series-${number + 1}` })
    let path = ''
    let isOpen = false
    list.forEach((value, place) => {
      if (value !== null) path += `${isOpen ? 'L' : 'M'}${x(place).toFixed(1)} ${y(value).toFixed(1)}`
      isOpen = value !== null
    })
    group.append(drawn('path', { d: path, fill: 'none' }))
    list.forEach((value, place) => {
      if (value === null) return
      const dot = drawn('circle', { cx: x(place), cy: y(value), r: places.length > 30 ? 2.5 : 4 })
      dot.append(drawn('title', {}, words(place, number, value)))
      group.append(dot)
    })
    return group
  }
}

/** Round numbers from below the smallest value (and zero) to above the largest. @param {number[]} values */
export function niceTicks(values) {
  const low = Math.min(0, ...values)
  const high = Math.max(0, ...values)
  const rough = (high - low || 1) / TICKS
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 2.5, 5, 10].find((nice) => nice * power >= rough * 0.999) ?? 10)
  const first = Math.floor(low / step + 1e-9)
  const last = Math.max(Math.ceil(high / step - 1e-9), first + 1)
  return Array.from({ length: last - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  )
}

/** @param {unknown} value */
function numberOf(value) {
  const number = isMissing(value) || value === '' ? NaN : Number(value)
  return Number.isFinite(number) ? number : null
}

/** Time runs one way, whichever way the rows were asked for. @param {string[]} texts */
function isDescending(texts) {
  return texts.length > 1 && texts.every((text, index) => !index || text <= texts[index - 1])
}

/** @param {string} text @param {number} room  in letters */
function cut(text, room) {
  const letters = Array.from(text)
  return letters.length > room ? `${letters.slice(0, room - 1).join('')}…` : text
}
