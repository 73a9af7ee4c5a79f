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
/** Names that stand upright: how many, how long, and the height that they take. */
const UPRIGHT_MAX = 30
const UPRIGHT_LETTERS = 14
const UPRIGHT = 72
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
 * @param {boolean} [drawing.isTilted]  the names of many bars stand upright, so that each has its own
 * @param {import('./transcript.js').Known} hooks
 * @returns {HTMLElement}
 */
export function chart(drawing, hooks) {
  const { data, columns, label, values, kind, title, isPart, isTilted } = drawing
  const { t, locale } = hooks
  const names = columns[label]
  const isTime = /^date/.test(names.type)
  const isLine = kind ? kind === 'line' : isTime
  const sorted =
    isTime && isDescending(data.map((row) => toText(row[names.name]))) ? [...data].reverse() : data
  const places = sorted.map((row) => (isMissing(row[names.name]) ? '–' : names.format(row[names.name])))
  const lists = values.map((index) => sorted.map((row) => numberOf(row[columns[index].name])))
  const peaks = lists.map((list) => Math.max(...list.map((value) => Math.abs(value ?? 0))))
  if (Math.max(...peaks) > RATIO_MAX * Math.min(...peaks)) {
    const parts = values.map((index) => chart({ ...drawing, values: [index], isPart: true }, hooks))
    return element('div', '', ...parts)
  }
  const upright = isTilted && !isLine && places.length > LABELS_MAX ? ' rotate(-75)' : ''
  const ticks = niceTicks(lists.flat().filter((value) => value !== null))
  const short = new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 2 })
  const tickTexts = ticks.map((tick) => short.format(tick))
  const left = 14 + 7 * Math.max(...tickTexts.map((text) => text.length))
  const step = (WIDTH - left - 8) / places.length
  const x = (/** @type {number} */ place) => left + step * (place + 0.5)
  const [low, high] = [ticks[0], ticks[ticks.length - 1]]
  const y = (/** @type {number} */ value) => TOP + (HEIGHT - TOP - BOTTOM) * ((high - value) / (high - low))

  const legends = values.map((index) => columns[index].name)
  const svg = drawn('svg', { viewBox: `0 0 ${WIDTH} ${upright ? HEIGHT + UPRIGHT : HEIGHT}`, role: 'img', direction: 'ltr' })
  svg.ariaLabel = summary()
  ticks.forEach((tick, index) => {
    const y1 = y(tick)
    svg.append(
      drawn('line', { class: tick ? 'grid' : 'axis', x1: left, x2: WIDTH - 8, y1, y2: y1 }),
      drawn('text', { x: left - 6, y: y1 + 4, 'text-anchor': 'end' }, tickTexts[index]),
    )
  })
  const every = Math.ceil(places.length / (upright ? UPRIGHT_MAX : LABELS_MAX))
  const rows = places.length > 3 ? 2 : 1
  const room = Math.floor((step * every * rows) / LETTER_WIDTH)
  places.forEach((place, index) => {
    if (index % every) return
    const lowered = upright ? 0 : ((index / every) % rows) * 16
    svg.append(
      drawn(
        'text',
        {
          'text-anchor': upright ? 'end' : 'middle',
          transform: `translate(${x(index)} ${HEIGHT - BOTTOM + 18 + lowered})${upright}`,
        },
        cut(place, upright ? UPRIGHT_LETTERS : room),
      ),
    )
  })
  svg.append(...lists.map(series))
  const items = legends.map((name, number) =>
    element('span', `series-${number + 1}`, element('bdi', '', name)),
  )
  return element('div', 'chart', svg, (isPart || items.length > 1) && element('p', 'legend', ...items))

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

  /** Missing values leave a gap. @param {(number | null)[]} list @param {number} number */
  function series(list, number) {
    const group = drawn('g', { class: `series-${number + 1}` })
    const width = Math.min(step * 0.75, 72) / lists.length
    let path = ''
    list.forEach((value, place) => {
      if (value === null) return
      const at = [x(place), y(value)]
      path += `${isMissing(list[place - 1]) ? 'M' : 'L'}${at.map((px) => px.toFixed(1)).join(' ')}`
      const mark = isLine
        ? drawn('circle', { cx: at[0], cy: at[1], r: places.length > 30 ? 2.5 : 4 })
        : drawn('rect', {
            x: at[0] + width * (number - lists.length / 2),
            y: y(Math.max(value, 0)),
            width: Math.max(width - 1, 1),
            height: Math.max(Math.abs(y(0) - at[1]), 1),
            rx: 2,
          })
      mark.append(drawn('title', {}, words(place, number, value)))
      group.append(mark)
    })
    if (isLine) group.prepend(drawn('path', { d: path, fill: 'none' }))
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
