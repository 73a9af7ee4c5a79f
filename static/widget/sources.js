// @ts-check
/** Citations: `[2]` in a finished answer becomes a button that shows the passage it stands for. */
import { button, element, linkOut } from './nodes.js'

/**
 * @typedef {object} Source  a passage that an answer can cite
 * @property {number} number
 * @property {string} title
 * @property {string} content
 * @property {string} knowledge_base
 * @property {number} similarity
 * @property {number} [page]
 * @property {string[]} [headings]
 * @property {string} [url]
 */

const MARKER = /\[(\d{1,2})\]/
const QUOTATION = /[“"„«]([^“”"„«»]{4,})[”"“»][\s.,;:!?…)]*$/

/** The sources of one answer, and which of them it cites. */
export class Sources {
  /** @type {Map<number, Source>} */
  known = new Map()
  /** @type {Map<number, Source>} */
  cited = new Map()

  /** @param {import('./transcript.js').Known} hooks */
  constructor(hooks) {
    this.hooks = hooks
  }

  /** @param {Source[]} sources */
  add(sources) {
    for (const source of sources) this.known.set(source.number, source)
  }

  /** Turn the markers of a finished text into buttons. @param {HTMLElement} prose */
  mark(prose) {
    if (!this.known.size) return
    prose.normalize()
    const walker = document.createTreeWalker(prose, NodeFilter.SHOW_TEXT)
    /** @type {Text[]} */
    const texts = []
    while (walker.nextNode()) texts.push(/** @type {Text} */ (walker.currentNode))
    for (const text of texts) {
      if (!text.parentElement?.closest('code, pre, a, button')) this.#split(text)
    }
  }

  /** The list below an answer; null when it cites nothing. @returns {HTMLElement | null} */
  list() {
    if (!this.cited.size) return null
    const { t } = this.hooks
    const items = [...this.cited.values()].map((source) => {
      const open = button('source', '', () => this.#show(open, source))
      open.append(element('span', 'cite-number', String(source.number)), ` ${nameOf(source, t)}`)
      return element('li', '', open)
    })
    return element('ol', { className: 'sources', ariaLabel: t('sources') }, ...items)
  }

  /** @param {Text} text */
  #split(text) {
    let rest = text
    for (let found = MARKER.exec(rest.data); found; found = MARKER.exec(rest.data)) {
      const source = this.known.get(Number(found[1]))
      const marker = rest.splitText(found.index)
      rest = marker.splitText(found[0].length)
      if (!source) continue
      this.cited.set(source.number, source)
      const quote = quotationBefore(marker)
      const name = nameOf(source, this.hooks.t)
      const open = button('cite', String(source.number), () => this.#show(open, source, quote))
      open.ariaLabel = this.hooks.t('source', { number: String(source.number), name })
      open.title = name
      marker.replaceWith(open)
    }
  }

  /** @param {HTMLElement} near @param {Source} source @param {string} [quote] */
  #show(near, source, quote = '') {
    STANDALONE: if (this.hooks.openSource?.(source, quote)) return
    // Beside the log, so that it has the styles of where it was opened, and is no part of what was said.
    const place = near.closest('[role=log]')?.parentNode ?? document.body
    show(place, source, quote, this.hooks.t).addEventListener('close', () => near.focus())
  }
}

/** What is quoted right before the marker, if anything. @param {Text} marker */
function quotationBefore(marker) {
  const block = marker.parentElement?.closest(':not(em, strong, s)')
  if (!block) return ''
  const range = document.createRange()
  range.setStart(block, 0)
  range.setEndBefore(marker)
  const before = range.cloneContents()
  for (const cite of before.querySelectorAll('.cite')) cite.remove()
  return QUOTATION.exec(/** @type {string} */ (before.textContent))?.[1].trim() ?? ''
}

/** @typedef {import('./transcript.js').Known['t']} Translate */

/** Where in the document. @param {Source} source @param {Translate} t */
function pathOf({ title, headings = [], page }, t) {
  const path = headings.filter((heading) => heading !== title)
  return { path, page: page ? [t('page', { number: String(page) })] : [] }
}

/** @param {Source} source @param {Translate} t */
function nameOf(source, t) {
  const { path, page } = pathOf(source, t)
  return [source.title, ...path.slice(-1), ...page].filter(Boolean).join(' – ')
}

/** Open the passage over the chat. @param {Node} place @param {Source} source @param {string} quote @param {Translate} t */
function show(place, source, quote, t) {
  const { title, content, url } = source
  const { path, page } = pathOf(source, t)
  const where = [...path, ...page].join(' › ')
  const looks = { className: 'passage-text', tabIndex: 0, dir: 'auto' }
  const text = element('blockquote', looks, ...marked(content, quote))
  const foot = element(
    'div',
    'passage-foot',
    element('span', 'faint', source.knowledge_base),
    linkOut(url, t('open_document')),
    button('quiet', t('shut'), () => dialog.close()),
  )
  const dialog = /** @type {HTMLDialogElement} */ (
    element(
      'dialog',
      { className: 'passage', ariaLabel: title },
      element('h2', { dir: 'auto' }, title),
      where && element('p', 'faint', where),
      text,
      foot,
    )
  )
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close())
  // Escape closes this one, and not the chat around it too.
  dialog.addEventListener('keydown', (event) => event.stopPropagation())
  dialog.addEventListener('close', () => dialog.remove())
  place.appendChild(dialog)
  dialog.showModal()
  text.querySelector('mark')?.scrollIntoView({ block: 'nearest' })
  return dialog
}

/** The passage with what is quoted of it marked. @param {string} content @param {string} quote @returns {(string | HTMLElement)[]} */
function marked(content, quote) {
  const words = quote
    .split(/\s+/)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .filter(Boolean)
  const found = words.length ? new RegExp(words.join('[\\s*_>|]+'), 'iu').exec(content) : null
  if (!found) return [content]
  const end = found.index + found[0].length
  return [content.slice(0, found.index), element('mark', '', found[0]), content.slice(end)]
}
