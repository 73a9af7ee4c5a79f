// @ts-check
/** A long table: the blocks of rows near what is seen are on the page, an empty line as high stands for each other. */
import { element } from './nodes.js'

const BLOCK_ROWS = 16
/** With rows of one line, until anything is laid out. */
const BLOCK_HEIGHT = `calc(${BLOCK_ROWS} * (1.4em + 13px))`
/** So far beyond what is seen, so that scrolling does not run into blanks. */
const AHEAD = '600px'

/**
 * Software that reads a page aloud scrolls to what it reads, so that it gets one block after the other.
 * @param {HTMLElement} frame  it scrolls
 * @param {HTMLElement} table  with its head
 * @param {number} length  in rows
 * @param {(from: number, to: number) => HTMLElement[]} make  lines with `ariaRowIndex`
 * @param {(first: number, last: number) => void} tell  the first and the last row that is there, from 1
 * @returns {() => void}  shows the beginning, with lines newly made
 */
export function inBlocks(frame, table, length, make, tell) {
  const blocks = Array.from({ length: Math.ceil(length / BLOCK_ROWS) }, () => element('tbody'))
  table.append(...blocks)
  /** @param {Element} block @param {string} height */
  const empty = (block, height) => {
    const line = element('tr', { ariaHidden: 'true' })
    line.style.height = height
    block.replaceChildren(line)
  }
  /** @param {Element} block */
  const fill = (block) => {
    const from = blocks.indexOf(/** @type {HTMLElement} */ (block)) * BLOCK_ROWS
    block.replaceChildren(...make(from, from + BLOCK_ROWS))
  }
  const near = new IntersectionObserver(
    (entries) => {
      // What all are taken for is told by the first that is there.
      const [{ boundingClientRect: first }] = entries
      const isFirst = entries.length === blocks.length
      for (const { target, isIntersecting, boundingClientRect } of entries) {
        const { height } = isFirst ? first : boundingClientRect
        // What is there already stays; and so does all while nothing is laid out.
        if (!isIntersecting && height) empty(target, `${height}px`)
        if (isIntersecting && target.childElementCount < 2) fill(target)
      }
      const lines = [...table.querySelectorAll('tbody [aria-rowindex]')]
      const [from, to] = [lines.at(0), lines.at(-1)].map((line) => Number(line?.ariaRowIndex) - 1)
      tell(from, to)
    },
    { root: frame, rootMargin: AHEAD },
  )
  return () => {
    near.disconnect()
    frame.scrollTop = 0
    blocks.forEach((block, index) => {
      if (index < 2) fill(block)
      else empty(block, BLOCK_HEIGHT)
      near.observe(block)
    })
  }
}
