// @ts-check
/** One answer: text and query results in the order in which they came, and how it ended. */
import { toolbar } from './feedback.js'
import { MarkdownWriter } from './markdown.js'
import { button, element, iconButton } from './nodes.js'
import { queryDetails } from './query.js'
import { Sources } from './sources.js'
import { resultTable } from './table.js'

/** @typedef {import('./transcript.js').ChatEvent} ChatEvent */

/** Nobody listens longer. */
const SPOKEN_CHARS_MAX = 4000
const ROUND = 'M20 11a8 8 0 1 0-2 6M20 5v6h-6'

export class Answer {
  text = ''
  /** @type {MarkdownWriter | null | undefined} */
  writer
  /** @type {HTMLElement | undefined} */
  tools

  /** @param {import('./transcript.js').Known} hooks @param {string} [name]  of who gives it */
  constructor(hooks, name) {
    this.hooks = hooks
    this.step = element('p', 'step', hooks.t('sending'))
    const looks = { className: 'answer', ariaLabel: name ?? hooks.t('answer'), ariaBusy: 'true' }
    this.root = element('article', looks, this.step)
    this.sources = new Sources(hooks)
  }

  get isEmpty() {
    return this.root.childElementCount === 1
  }

  /** The text as it is read out: without the marks of Markdown. */
  get spoken() {
    const blocks = this.root.querySelectorAll('.prose > :not(.code), .prose pre, .change-title, .state')
    const texts = Array.from(blocks, (block) => /** @type {HTMLElement} */ (block).innerText)
    return texts.join('\n').slice(0, SPOKEN_CHARS_MAX)
  }

  /** @param {string} text */
  progress(text) {
    this.step.textContent = text
  }

  /** What the model thinks, for who wants to see it. @param {string} text */
  think(text) {
    this.#endText()
    let details = this.step.previousElementSibling
    if (!details?.classList.contains('reasoning')) {
      details = element('details', 'reasoning', element('summary', '', this.hooks.t('reasoning')))
      this.step.before(details)
    }
    details.append(element('p', '', text))
  }

  /** @param {HTMLElement} node */
  add(node) {
    this.#endText()
    this.step.before(node)
  }

  /** @param {string} delta */
  write(delta) {
    if (!this.writer) {
      const prose = element('div', 'prose')
      this.step.before(prose)
      this.writer = new MarkdownWriter(prose, this.hooks.t)
      if (this.text) this.text += '\n\n'
    }
    this.text += delta
    this.writer.write(delta)
  }

  /** @param {ChatEvent} event */
  query(event) {
    this.#endText()
    const { t } = this.hooks
    const kind = event.type === 'tool_result' ? event.message : 'SQL'
    this.step.before(queryDetails(kind ?? '', event.summary || t('query'), event.query, Boolean(event.error)))
    if (event.data?.length) this.step.before(resultTable(event, this.hooks))
  }

  /** @param {ChatEvent} event @param {boolean} [stopped] */
  done(event, stopped) {
    const { t } = this.hooks
    const { usage } = event
    this.#close()
    const notes = stopped ? [t('stopped')] : []
    if (usage?.total_tokens)
      notes.push(`${usage.estimated ? '≈ ' : ''}${t('tokens', { n: usage.total_tokens })}`)
    if (this.text) this.root.append((this.tools = toolbar(event, this.text, this.hooks)))
    if (notes.length) this.root.append(element('p', 'note', notes.join(' · ')))
  }

  /** @param {() => void} act @returns {HTMLElement} */
  again(act) {
    const node = iconButton(ROUND, this.hooks.t('regenerate'), act)
    const place = this.tools ?? this.root
    place.append(node)
    return node
  }

  /** @param {string} text @param {number | undefined} retryAfter seconds @param {() => void} [retry] */
  fail(text, retryAfter, retry) {
    this.#close()
    const box = element('div', 'failure', element('p', '', text))
    this.root.append(box)
    if (!retry) return
    const node = button('quiet', '', () => {
      node.remove()
      retry()
    })
    this.#countDown(node, Math.ceil(retryAfter ?? 0))
    box.append(node)
  }

  #endText() {
    this.writer?.end()
    this.writer = null
    const prose = this.step.previousElementSibling
    if (prose?.classList.contains('prose')) this.sources.mark(/** @type {HTMLElement} */ (prose))
  }

  #close() {
    this.#endText()
    const list = this.sources.list()
    this.step.replaceWith(...(list ? [list] : []))
    this.root.ariaBusy = null
  }

  /** @param {HTMLButtonElement} node @param {number} seconds */
  #countDown(node, seconds) {
    const { t } = this.hooks
    node.disabled = seconds > 0
    node.textContent = seconds > 0 ? t('again_in', { n: seconds }) : t('retry')
    if (seconds > 0) setTimeout(() => this.#countDown(node, seconds - 1), 1000)
  }
}
