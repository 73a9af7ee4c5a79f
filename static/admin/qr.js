// @ts-check
/** A QR code as SVG, of the rows of dots that the server made. */
import { svg } from './dom.js'

/** Dots that have to stay white around, as readers need them. */
const QUIET = 4

/** @param {(number[] | string)[]} rows  of 0 and 1 @param {string} label */
export function qrCode(rows, label) {
  const size = rows.length + QUIET * 2
  /** @type {SVGElement[]} */
  const dots = []
  rows.forEach((row, y) => {
    const cells = [...row].map(Number)
    for (let x = 0; x < cells.length; x += 1) {
      const from = x
      while (cells[x]) x += 1
      if (x > from) dots.push(svg('rect', { x: from + QUIET, y: y + QUIET, width: x - from, height: 1 }))
    }
  })
  return svg(
    'svg',
    {
      class: 'qr',
      viewBox: `0 0 ${size} ${size}`,
      role: 'img',
      'aria-label': label,
      'shape-rendering': 'crispEdges',
    },
    svg('rect', { class: 'qr-ground', width: size, height: size }),
    svg('g', { class: 'qr-dots' }, dots),
  )
}
