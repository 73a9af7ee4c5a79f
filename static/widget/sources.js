// @ts-check
/** Citations: `[2]` in a finished answer becomes a button that shows the passage it stands for. */
import { element } from './table.js'

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
  constructor() {
    /** @type {Map<number, Source>} */
    this.known = new Map()
    /** @type {Map<number, Source>} */
    this.cited = new Map()
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
    const list = element('ol', 'sources')
    list.setAttribute('aria-label', 'Sources')
    for (const source of this.cited.values()) {
      const item = element('li')
      const button = element('button', 'source')
      button.setAttribute('type', 'button')
      button.append(element('span', 'cite-number', String(source.number)), ` ${nameOf(source)}`)
      button.addEventListener('click', () => show(source))
      item.append(button)
      list.append(item)
    }
    return list
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
      const button = element('button', 'cite', String(source.number))
      button.setAttribute('type', 'button')
      button.setAttribute('aria-label', `Source ${source.number}: ${nameOf(source)}`)
      button.title = nameOf(source)
      button.addEventListener('click', () => show(source, quote))
      marker.replaceWith(button)
    }
  }
}

/** What is quoted right before the marker, if anything. @param {Text} marker */
function quotationBefore(marker) {
  const block = marker.parentElement?.closest('p, li, td, th, blockquote, h2, h3, h4, h5, h6')
  if (!block) return ''
  const range = document.createRange()
  range.setStart(block, 0)
  range.setEndBefore(marker)
  const before = range.cloneContents()
  for (const cite of before.querySelectorAll('.cite')) cite.remove()
  return QUOTATION.exec(before.textContent ?? '')?.[1].trim() ?? ''
}

/** @param {Source} source */
function nameOf(source) {
  const heading = (source.headings ?? []).filter((title) => title !== source.title).at(-1)
  const parts = [source.title, heading, source.page ? `page ${source.page}` : '']
  return parts.filter(Boolean).join(' – ')
}

/** Open the passage over the page. @param {Source} source @param {string} [quote] */
function show(source, quote = '') {
  const dialog = /** @type {HTMLDialogElement} */ (element('dialog', 'passage'))
  const title = element('h2', '', source.title)
  title.id = 'passage-title'
  dialog.setAttribute('aria-labelledby', title.id)
  const path = [...(source.headings ?? []).filter((heading) => heading !== source.title)]
  if (source.page) path.push(`page ${source.page}`)
  const text = element('blockquote', 'passage-text')
  text.tabIndex = 0
  text.dir = 'auto'
  text.append(...marked(source.content, quote))
  const close = element('button', 'quiet', 'Close')
  close.setAttribute('type', 'button')
  close.addEventListener('click', () => dialog.close())
  const foot = element('div', 'passage-foot')
  foot.append(element('span', 'faint', source.knowledge_base), ...linkTo(source.url), close)
  dialog.append(title, ...(path.length ? [element('p', 'faint', path.join(' › '))] : []), text, foot)
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close())
  dialog.addEventListener('close', () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
  text.querySelector('mark')?.scrollIntoView({ block: 'nearest' })
}

/** @param {string | undefined} url */
function linkTo(url) {
  if (!url || !/^https?:\/\//i.test(url)) return []
  const link = element('a', '', 'Open the document')
  link.setAttribute('href', url)
  link.setAttribute('target', '_blank')
  link.setAttribute('rel', 'noopener noreferrer nofollow')
  return [link]
}

/** The passage with what is quoted of it marked. @param {string} content @param {string} quote @returns {(string | HTMLElement)[]} */
function marked(content, quote) {
  const words = quote.split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).filter(Boolean)
  const found = words.length ? new RegExp(words.join('[\\s*_>|]+'), 'iu').exec(content) : null
  if (!found) return [content]
  const end = found.index + found[0].length
  return [content.slice(0, found.index), element('mark', '', found[0]), content.slice(end)]
}
