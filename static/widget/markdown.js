// @ts-check
/**
 * Markdown that streams in, as DOM nodes. What a model writes is never parsed as HTML: every character
 * ends up in a text node, links lead to http, https and mailto only, and images become links, so that
 * nothing is fetched from anywhere.
 */
import * as smd from '../vendor/streaming-markdown.js'

/** Element of each token; what is not listed is a plain span. @type {Record<number, string>} */
const TAGS = {
  [smd.PARAGRAPH]: 'p',
  [smd.HEADING_1]: 'h2',
  [smd.HEADING_2]: 'h3',
  [smd.HEADING_3]: 'h4',
  [smd.HEADING_4]: 'h5',
  [smd.HEADING_5]: 'h6',
  [smd.HEADING_6]: 'h6',
  [smd.BLOCKQUOTE]: 'blockquote',
  [smd.LIST_UNORDERED]: 'ul',
  [smd.LIST_ORDERED]: 'ol',
  [smd.LIST_ITEM]: 'li',
  [smd.CODE_INLINE]: 'code',
  [smd.ITALIC_AST]: 'em',
  [smd.ITALIC_UND]: 'em',
  [smd.STRONG_AST]: 'strong',
  [smd.STRONG_UND]: 'strong',
  [smd.STRIKE]: 's',
  [smd.LINE_BREAK]: 'br',
  [smd.RULE]: 'hr',
}

const CODE = new Set([smd.CODE_BLOCK, smd.CODE_FENCE, smd.CODE_INLINE])
/** Inside these the parser takes every character as it is. */
const LITERAL = new Set([...CODE, smd.RAW_URL, smd.IMAGE, smd.EQUATION_BLOCK, smd.EQUATION_INLINE])
const HOLDS_TEXT = new Set('P LI EM STRONG S CODE SPAN TD TH A H2 H3 H4 H5 H6'.split(' '))
const HAS_DIRECTION = new Set('p li h2 h3 h4 h5 h6 blockquote td th'.split(' '))
const UNDERSCORED = new Set([smd.ITALIC_UND, smd.STRONG_UND])

/** Writes Markdown into an element piece by piece; `end` once, when all is there. */
export class MarkdownWriter {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.renderer = new Renderer(root)
    this.parser = smd.parser(this.renderer.callbacks())
    this.held = ''
    this.before = ''
    this.broken = false
  }

  /** @param {string} text */
  write(text) {
    this.renderer.showTail('')
    const pieces = text.split(/(_+|\$)/)
    for (const piece of pieces) {
      if (piece.startsWith('_')) this.held += piece
      else if (piece) this.#piece(piece)
    }
    // The parser keeps the last character until it knows the next one; a reader wants to see it.
    if (/^[\p{L}\p{N}.,;:?!]+$/u.test(this.parser.pending)) this.renderer.showTail(this.parser.pending)
  }

  end() {
    this.renderer.showTail('')
    this.#release('')
    this.#feed((parser) => smd.parser_end(parser))
    this.renderer.settle()
  }

  /** @param {string} piece */
  #piece(piece) {
    this.#release(piece[0])
    // The parser would take `costs $x` for the start of a formula.
    if (piece === '$' && !this.#isLiteral() && this.before !== '\\') this.#put('\\')
    this.#put(piece)
    this.before = piece[piece.length - 1]
  }

  /**
   * Underscores wait for the character behind them: within a word, as in `order_items`, they are no
   * emphasis, which the parser does not know.
   * @param {string} next
   */
  #release(next) {
    if (!this.held) return
    const inWord = isWordy(this.before) && (isWordy(next) || !this.renderer.isInside(UNDERSCORED))
    for (const underscore of this.held) {
      if (inWord && !this.#isLiteral()) this.#put('\\')
      this.#put(underscore)
    }
    this.before = '_'
    this.held = ''
  }

  #isLiteral() {
    return this.renderer.isInside(LITERAL)
  }

  /** @param {string} text */
  #put(text) {
    this.#feed((parser) => smd.parser_write(parser, text), text)
  }

  /** A fault of the parser costs the formatting, never the text. @param {(parser: any) => void} step @param {string} [text] */
  #feed(step, text = '') {
    if (!this.broken) {
      try {
        return step(this.parser)
      } catch (error) {
        console.error('Markdown failed, the rest is plain text', error)
        this.broken = true
      }
    }
    this.renderer.addPlain(text)
  }
}

/** @param {string} character */
function isWordy(character) {
  return /[\p{L}\p{N}]/u.test(character ?? '')
}

/** Builds the nodes; knows which tokens are open. */
class Renderer {
  /** @param {HTMLElement} root */
  constructor(root) {
    /** @type {{token: number, node: HTMLElement}[]} */
    this.open = [{ token: 0, node: root }]
    this.tail = new Text()
    /** Text that the parser gave outside of any block, for the next one. */
    this.loose = ''
  }

  callbacks() {
    return {
      data: null,
      add_token: (/** @type {null} */ _, /** @type {number} */ token) => this.addToken(token),
      end_token: () => this.endToken(),
      add_text: (/** @type {null} */ _, /** @type {string} */ text) => this.addText(text),
      set_attr: (/** @type {null} */ _, /** @type {number} */ name, /** @type {string} */ value) =>
        this.setAttribute(name, value),
    }
  }

  get top() {
    return this.open[this.open.length - 1]
  }

  /** @param {Set<number>} tokens */
  isInside(tokens) {
    return this.open.some(({ token }) => tokens.has(token))
  }

  /** @param {number} token */
  addToken(token) {
    const node = make(token, this.top.node)
    this.open.push({ token, node })
    if (HOLDS_TEXT.has(node.tagName)) this.settle()
  }

  endToken() {
    if (this.open.length === 1) return
    const { token, node } = /** @type {{token: number, node: HTMLElement}} */ (this.open.pop())
    if (token === smd.LINK && !node.hasAttribute('href')) unlink(node)
    // Only now: the parser gives a bare address first as the attribute, then as the text.
    if (node.tagName === 'A' && !node.hasChildNodes()) node.append(node.getAttribute('href') ?? '')
    if (token === smd.TABLE_CELL) alignNumber(/** @type {HTMLTableCellElement} */ (node))
    if (token === smd.EQUATION_INLINE || token === smd.EQUATION_BLOCK) node.append('$')
  }

  /** @param {string} text */
  addText(text) {
    if (HOLDS_TEXT.has(this.top.node.tagName)) this.addPlain(text)
    else this.loose += text
  }

  /** @param {string} text  goes where we are, as it is */
  addPlain(text) {
    const { node } = this.top
    const last = node.lastChild
    if (last instanceof Text) last.appendData(text)
    else node.append(text)
  }

  settle() {
    if (this.loose) this.addPlain(this.loose)
    this.loose = ''
  }

  /** Text that is not there yet; '' takes it away again. @param {string} text */
  showTail(text) {
    this.tail.data = text
    if (text && HOLDS_TEXT.has(this.top.node.tagName)) this.top.node.append(this.tail)
    else this.tail.remove()
  }

  /** @param {number} name @param {string} value */
  setAttribute(name, value) {
    const { node } = this.top
    // The backslashes are our own, put in before the parser was inside of an address.
    if (name === smd.HREF || name === smd.SRC) setLink(node, value.replace(/\\([_$])/g, '$1'))
    else if (name === smd.START) node.setAttribute('start', value)
    else if (name === smd.CHECKED) node.setAttribute('checked', '')
  }
}

/** The element of `token`, put under `parent`. @param {number} token @param {HTMLElement} parent */
function make(token, parent) {
  const add = (/** @type {string} */ tag, under = parent) => {
    const node = under.appendChild(document.createElement(tag))
    if (HAS_DIRECTION.has(tag)) node.dir = 'auto' // Arabic or Hebrew reads from the right
    return node
  }
  switch (token) {
    case smd.CODE_BLOCK:
    case smd.CODE_FENCE: {
      const block = add('pre')
      block.tabIndex = 0 // it scrolls sideways, so the keyboard has to reach it
      return add('code', block)
    }
    case smd.LINK:
    case smd.RAW_URL:
    case smd.IMAGE:
      return add('a')
    case smd.CHECKBOX: {
      const box = /** @type {HTMLInputElement} */ (add('input'))
      box.type = 'checkbox'
      box.disabled = true
      return box
    }
    case smd.TABLE: {
      const frame = add('div')
      frame.className = 'table-frame'
      frame.tabIndex = 0
      return add('table', frame)
    }
    case smd.TABLE_ROW: {
      const [head, body] = parent.children
      if (!head) return add('tr', add('thead'))
      return add('tr', /** @type {HTMLElement} */ (body ?? add('tbody')))
    }
    case smd.TABLE_CELL:
      return add(parent.parentElement?.tagName === 'THEAD' ? 'th' : 'td')
    case smd.EQUATION_BLOCK:
    case smd.EQUATION_INLINE: {
      const formula = add('span')
      formula.append('$')
      return formula
    }
    default:
      return add(TAGS[token] ?? 'span')
  }
}

/** @param {HTMLElement} node @param {string} address */
function setLink(node, address) {
  const target = address.trim().split(/\s/)[0] // an address, then perhaps a title
  if (!/^(https?:\/\/|mailto:)/i.test(target)) return
  node.setAttribute('href', target)
  node.setAttribute('target', '_blank')
  node.setAttribute('rel', 'noopener noreferrer')
}

/** The parser drops the alignment of columns: numbers stand right. @param {HTMLTableCellElement} cell */
function alignNumber(cell) {
  if (cell.tagName !== 'TD' || !/^\s*[-+−]?[\d.,\s]*\d\s*%?\s*$/.test(cell.textContent ?? '')) return
  cell.classList.add('number')
  cell.closest('table')?.tHead?.rows[0]?.cells[cell.cellIndex]?.classList.add('number')
}

/** `[1]` without an address is no link but text in brackets. @param {HTMLElement} node */
function unlink(node) {
  node.replaceWith('[', ...node.childNodes, ']')
}
