// @ts-check
/**
 * A document's text with its chunks marked in it. Offsets count characters as the server does, code points;
 * JavaScript counts UTF-16 units, so the text is cut as a list of characters.
 */
import { h } from './dom.js'

/** @typedef {{chunk_index: number, start_offset: number, end_offset: number}} Chunk */

/** @param {string} text  the whole document @param {Chunk[]} chunks  in order; neighbours may overlap */
export function markedText(text, chunks) {
  if (!chunks.length) return h('pre', { class: 'marked' }, text)
  const characters = Array.from(text)
  const from = Math.min(...chunks.map((one) => one.start_offset))
  const to = Math.max(...chunks.map((one) => one.end_offset))
  const cuts = [...new Set([from, to, ...chunks.flatMap((one) => [one.start_offset, one.end_offset])])].sort(
    (a, b) => a - b,
  )
  /** @type {Map<number, HTMLElement>} */
  const firsts = new Map()
  const pieces = cuts.slice(0, -1).map((start, at) => {
    const end = cuts[at + 1]
    const within = chunks.filter((one) => one.start_offset <= start && one.end_offset >= end)
    const piece = h('span', {
      class: kind(within),
      data: { chunks: within.map((one) => one.chunk_index).join(' ') },
    })
    for (const one of within) if (!firsts.has(one.chunk_index)) mark(firsts, one, piece)
    piece.append(characters.slice(start, end).join(''))
    return piece
  })
  return h(
    'pre',
    { class: 'marked', tabindex: '0', role: 'region', 'aria-label': 'Text with its chunks' },
    pieces,
  )
}

/** Show where a chunk is. @param {HTMLElement} box  of `markedText` @param {number} index */
export function showChunk(box, index) {
  const pieces = [.../** @type {NodeListOf<HTMLElement>} */ (box.querySelectorAll('[data-chunks]'))]
  const own = pieces.filter((piece) => (piece.dataset.chunks ?? '').split(' ').includes(String(index)))
  pieces.forEach((piece) => piece.classList.toggle('chosen', own.includes(piece)))
  if (own.length) box.scrollTo({ top: own[0].offsetTop - box.clientHeight / 4 })
}

/** Its number stands before a chunk. @param {Map<number, HTMLElement>} firsts @param {Chunk} chunk @param {HTMLElement} piece */
function mark(firsts, chunk, piece) {
  firsts.set(chunk.chunk_index, piece)
  piece.append(h('sup', { class: 'chunk-number' }, String(chunk.chunk_index + 1)))
}

/** @param {Chunk[]} within */
function kind(within) {
  if (within.length > 1) return 'chunk both'
  if (!within.length) return ''
  return within[0].chunk_index % 2 ? 'chunk odd' : 'chunk even'
}
