// @ts-check
/** Which results make a picture, and which ones say more as a picture at first sight. */
import { isMissing, isName, isNumeric, toText } from './values.js'

/** @typedef {import('./table.js').Column} Column */
/** @typedef {Record<string, unknown>} Row */

const PLAIN_ROWS_MAX = 30
const TIME = /^\d{4}-[\dQW]\d|^\d\d:\d\d/
const WHOLE = /^-?\d+$/

/** Which columns make a picture: one names, one to three count; null when the rows do not suit. @param {Column[]} columns @param {Row[]} rows */
export function charted(columns, rows) {
  if (rows.length < 2 || rows.length > 60) return null
  const counts = columns.flatMap(({ name, type }, index) => (isNumeric(type) && !isName(name) ? [index] : []))
  const label = columns.findIndex((_, index) => !counts.includes(index))
  const isFull = counts.every((index) =>
    rows.some((row) => Number.isFinite(Number(row[columns[index].name] ?? NaN))),
  )
  if (label < 0 || !counts.length || counts.length > 3 || !isFull || columns[label].type === 'blob')
    return null
  return { label, values: counts }
}

/**
 * How rows are drawn without being asked: only where it is plain what names and what counts, every place is there
 * once, and there is something to see; null where that is not sure. Places in an order run forwards in `data`.
 * @param {Column[]} columns @param {Row[]} rows
 * @returns {{label: number, values: number[], kind: string, data: Row[]} | null}
 */
export function suited(columns, rows) {
  const [first, ...others] = columns
  // Numbers alone: the first may be the places.
  const series = charted(columns, rows) ?? charted([{ ...first, type: 'text' }, ...others], rows)
  if (!series || series.values.length < others.length || rows.length > PLAIN_ROWS_MAX) return null
  const { name, type } = columns[series.label]
  const places = rows.map((row) => toText(row[name]))
  const way = direction(places)
  const lists = series.values.map((index) =>
    rows.map((row) => row[columns[index].name]).filter((value) => !isMissing(value)),
  )
  const isUnsure =
    type === 'blob' ||
    (isNumeric(type) && !way) ||
    (isName(name) && !/year$/i.test(name) && WHOLE.test(places[0])) ||
    new Set(places).size < rows.length ||
    lists.some((list) => list.length * 2 <= rows.length) ||
    lists.every((list) => new Set(list).size < 2)
  if (isUnsure) return null
  return { ...series, kind: way ? 'line' : 'bar', data: way < 0 ? [...rows].reverse() : rows }
}

/** 1 when times or numbers at equal distances go up, -1 when they go down, else 0. @param {string[]} places */
function direction(places) {
  const areWhole = places.length > 2 && places.every((place) => WHOLE.test(place))
  if (!areWhole && !places.every((place) => TIME.test(place))) return 0
  const steps = places.slice(1).map((place, index) => {
    if (areWhole) return Number(place) - Number(places[index])
    return place > places[index] ? 1 : -1
  })
  return steps.every((step) => step === steps[0]) ? Math.sign(steps[0]) : 0
}
