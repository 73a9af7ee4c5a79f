// @ts-check
/**
 * Markdown that streams in, as DOM nodes. What a model writes is never parsed as HTML: every character ends up
 * in a text node, links lead to http, https, mailto and tel only, and images become links, so that nothing is
 * fetched from anywhere. Lines are read once, in whatever pieces they come: the last, unfinished one is shown
 * ahead and taken back when more of it is there. Time grows with the length of the text, whatever it holds.
 */
import { copyText } from './give.js'
import { button, element } from './nodes.js'
import { inline } from './inline.js'
import { frameLook } from './table.js'

/** Deeper than that quotes and lists are shown as the text that they are. */
const DEPTH_MAX = 12
/** Nodes of one text; behind that it is plain. */
const NODES_MAX = 10_000
/** Of a table. */
const COLUMNS_MAX = 100
/** A longer paragraph is not drawn anew with each piece. */
const OFTEN_CHARS_MAX = 3000

const QUOTE = /^ {0,3}> ?/
const ITEM = /^ {0,3}(?:[-*+]|(\d{1,9})([.)]))(?=( *)(.?))/
const RULE = /^ {0,3}([-*_])(?: *\1){2,} *$/
const HEADING = /^ {0,3}(#{1,6})(?: |$)/
const FENCE = /^ {0,3}(`{3,}|~{3,})([^`]*)$/
const STARTS = [QUOTE, RULE, HEADING, FENCE]

/**
 * @typedef {object} Container  a quote, or an item of a list
 * @property {HTMLElement} node
 * @property {number} indent  of what an item holds; 0 is a quote
 * @property {string} [kind]  items of one kind make one list
 * @property {HTMLElement} [list]
 *
 * @typedef {object} Leaf  what holds text
 * @property {HTMLElement} node
 * @property {string} raw
 * @property {string} [fence]
 * @property {string[]} [aligned]  the columns of a table
 * @property {number} shown  length of what was drawn
 */

/** Writes Markdown into an element piece by piece; `end` once, when all is there. */
export class MarkdownWriter {
  partial = ''
  /** Of the last heading; the page's own is the first. */
  level = 1
  /** @type {Container[]} */
  stack = []
  /** @type {Leaf | null | undefined} */
  leaf
  /** Takes back what was shown of an unfinished line. @type {(() => void) | null | undefined} */
  undo
  /** @type {ChildNode[]} */
  made = []
  budget = { nodes: NODES_MAX }
  shown = 0
  /** @type {HTMLElement | undefined} */
  rest

  /** @param {HTMLElement} root @param {(key: string) => string} [t] */
  constructor(root, t = (key) => key) {
    this.root = root
    this.t = t
  }

  /** @param {string} text */
  write(text) {
    const lines = text.replaceAll('\r', '').split('\n')
    this.partial += lines[0]
    // A line without end would be drawn anew for ever.
    if (lines.length < 2 && this.partial.length > OFTEN_CHARS_MAX && this.partial.length < this.shown * 1.2)
      return
    this.undo?.()
    const last = /** @type {string} */ (lines.pop())
    if (lines.length) {
      lines[0] = this.partial
      let index = 0
      while (index < lines.length && this.budget.nodes >= 0) this.#line(lines[index++])
      if (index < lines.length) this.#plain(lines.slice(index).join('\n'))
      this.partial = last
    }
    this.shown = this.partial.length
    // Marks alone may still become anything.
    if (/[^\s>*+\-#|`~_=.\d:]/.test(this.partial)) this.#ahead()
    if (this.leaf) this.#draw(this.leaf)
  }

  end() {
    this.undo?.()
    if (this.partial) this.#line(this.partial)
    this.partial = ''
    this.#close()
    this.stack = []
  }

  /** Show the unfinished line. */
  #ahead() {
    const { stack, leaf } = this
    const { nodes } = this.budget
    const raw = leaf?.raw ?? ''
    this.made = []
    this.undo = () => {
      this.undo = null
      for (const node of this.made) node.remove()
      this.stack = stack
      this.leaf = leaf
      this.budget.nodes = nodes
      if (!leaf) return
      if (leaf.raw !== raw) leaf.shown = 0
      leaf.raw = raw
    }
    this.stack = [...stack]
    this.#line(this.partial)
  }

  /** @param {string} line */
  #line(line) {
    if (this.budget.nodes < 0) return this.#plain(line)
    let rest = line.replaceAll('\t', '    ')
    let depth = 0
    const isBlank = !rest.trim()
    for (const { indent } of this.stack) {
      const goesOn = indent ? isBlank || rest.startsWith(' '.repeat(indent)) : QUOTE.test(rest)
      if (!goesOn) break
      rest = indent ? rest.slice(indent) : rest.replace(QUOTE, '')
      depth++
    }
    const isInside = depth === this.stack.length
    if (this.leaf?.fence !== undefined && isInside) return this.#code(rest, isBlank)
    if (!rest.trim()) {
      if (!isInside || !this.leaf || !isBlank) this.#pop(depth)
      return this.#close()
    }
    // The sentence goes on, although the marks in front of it are left out.
    if (!isInside && this.leaf?.raw && !starts(rest)) return this.#text(rest)
    const before = this.stack[depth]
    if (!isInside) this.#pop(depth)
    this.#blocks(rest, before)
  }

  /** What begins on a line. @param {string} rest @param {Container} [before]  an item that this line ended */
  #blocks(rest, before) {
    for (; this.stack.length < DEPTH_MAX; before = undefined) {
      const quote = QUOTE.exec(rest)
      if (quote) {
        this.#close()
        this.stack.push({ node: this.#add('blockquote'), indent: 0 })
        rest = rest.slice(quote[0].length)
        continue
      }
      const item = RULE.test(rest) ? null : ITEM.exec(rest)
      if (!item || (item[4] && !item[3])) break
      // Within a sentence `1999.` is a year.
      if (this.leaf && item[1] && item[1] !== '1') break
      rest = this.#item(rest, item, before)
    }
    if (rest.trim()) this.#leafOf(rest)
  }

  /** @param {string} rest @param {RegExpExecArray} found @param {Container} [before] @returns {string} what it holds */
  #item(rest, [mark, number, dot, blanks, first], before) {
    this.#close()
    const kind = dot ?? mark.trim()
    let list = before?.kind === kind ? before.list : undefined
    if (!list) {
      list = this.#add(number ? 'ol' : 'ul')
      if (number && number !== '1') list.setAttribute('start', number)
    }
    const node = this.#add('li', list)
    const indent = mark.length + (first && blanks.length < 5 ? blanks.length : 1)
    this.stack.push({ node, indent, kind, list })
    rest = rest.slice(indent)
    const task = /^\[([ xX])\] /.exec(rest)
    if (!task) return rest
    this.#add('span').textContent = task[1] === ' ' ? '☐' : '☑'
    node.className = 'task'
    return rest.slice(4)
  }

  /** @param {string} rest */
  #leafOf(rest) {
    const fence = FENCE.exec(rest)
    const heading = HEADING.exec(rest)
    if (this.leaf?.aligned && !starts(rest)) return this.#row(rest)
    if (RULE.test(rest)) {
      this.#close()
      this.#add('hr')
    } else if (fence) {
      this.#close()
      this.leaf = this.#codeLeaf(fence[1], fence[2].trim())
    } else if (heading) {
      this.#close()
      // No level is left out.
      this.level = Math.min(heading[1].length, this.level) + 1
      const node = this.#add(`h${Math.min(this.level, 6)}`)
      this.leaf = { node, raw: rest.slice(heading[0].length).trim().replace(/ #+$/, ''), shown: 0 }
      this.#close()
    } else if (!this.leaf && rest.startsWith('    ')) {
      this.leaf = this.#codeLeaf('')
      this.#code(rest, false)
    } else {
      this.#text(rest)
    }
  }

  /** A line of a paragraph, unless it makes the one before the head of a table. @param {string} rest */
  #text(rest) {
    const { leaf } = this
    if (!leaf) this.leaf = { node: this.#add('p'), raw: rest.trimStart(), shown: 0 }
    else if (!rest.includes('|') || !this.#table(leaf, rest)) leaf.raw += `\n${rest.trimStart()}`
  }

  /** @param {Leaf} leaf @param {string} rest */
  #table(leaf, rest) {
    const aligned = cells(rest)
    const at = leaf.raw.lastIndexOf('\n') + 1
    const heads = cells(leaf.raw.slice(at))
    if (
      heads.length !== aligned.length ||
      heads.length > COLUMNS_MAX ||
      !aligned.every((cell) => /^:?-+:?$/.test(cell))
    )
      return false
    if (this.undo) return true // not before the line is whole
    leaf.raw = leaf.raw.slice(0, at).trimEnd()
    if (!at) leaf.node.remove()
    this.#close()
    const frame = Object.assign(this.#add('div'), frameLook(this.t('table')))
    const node = this.#add('table', frame)
    this.leaf = { node: this.#add('thead', node), raw: '', aligned, shown: 0 }
    this.#row(heads)
    this.leaf.node = this.#add('tbody', node)
    return true
  }

  /** @param {string | string[]} line */
  #row(line) {
    const { node, aligned = [] } = /** @type {Leaf} */ (this.leaf)
    const row = this.#add('tr', node)
    const texts = typeof line === 'string' ? cells(line) : line
    aligned.forEach((mark, index) => {
      const text = texts[index] ?? ''
      const cell = this.#add(typeof line === 'string' ? 'td' : 'th', row)
      inline(text, cell, this.budget)
      cell.dir = 'auto'
      if (/^-+:$/.test(mark) || (typeof line === 'string' && /^[-+−]?[\d.,]+ ?%?$/.test(text)))
        cell.className = 'number'
    })
  }

  /** @param {string} fence @param {string} [language] @returns {Leaf} */
  #codeLeaf(fence, language = '') {
    const box = this.#add('div')
    box.className = 'code'
    const block = this.#add('pre', box)
    block.tabIndex = 0
    const node = this.#add('code', block)
    const copy = button('quiet', this.t('copy'), () => copyText(copy, this.t, /** @type {string} */ (node.textContent)))
    box.prepend(element('span', 'faint', language.slice(0, 30)), copy)
    return { node, raw: '', fence, shown: 0 }
  }

  /** A line of code, or the end of it. @param {string} rest @param {boolean} isBlank */
  #code(rest, isBlank) {
    const { node, fence = '', shown } = /** @type {Leaf} */ (this.leaf)
    const mark = rest.trim()
    if (
      fence
        ? mark.startsWith(fence) && mark === fence[0].repeat(mark.length)
        : !isBlank && !rest.startsWith('    ')
    ) {
      this.#close()
      return fence ? undefined : this.#blocks(rest)
    }
    const text = new Text((shown || node.firstChild ? '\n' : '') + (fence ? rest : rest.slice(4)))
    this.made.push(text)
    node.append(text)
  }

  /** Behind too many nodes. @param {string} line */
  #plain(line) {
    if (this.stack.length || this.leaf || !this.rest) {
      this.#pop(0)
      this.rest = this.#add('span')
      this.rest.className = 'plain'
    }
    const text = new Text(`${line}\n`)
    this.made.push(text)
    this.rest.append(text)
  }

  /** @param {number} depth */
  #pop(depth) {
    this.#close()
    this.stack.length = depth
  }

  #close() {
    if (this.leaf) this.#draw(this.leaf, true)
    this.leaf = null
  }

  /** @param {Leaf} leaf @param {boolean} [isWhole] */
  #draw(leaf, isWhole) {
    const { raw, shown } = leaf
    if (
      !raw ||
      raw.length === shown ||
      (!isWhole && raw.length > OFTEN_CHARS_MAX && raw.length < shown * 1.2)
    )
      return
    // Drawn while it grows, it costs none of what is left for the rest.
    const budget = isWhole ? this.budget : { ...this.budget }
    const { node } = leaf
    node.removeAttribute('dir') // guessed anew with each child it costs too much
    node.replaceChildren()
    inline(raw, node, budget, !isWhole || Boolean(this.undo))
    node.dir = 'auto' // Arabic or Hebrew reads from the right
    if (node.parentElement !== this.root && node.matches(':dir(rtl)'))
      node.parentElement?.setAttribute('dir', 'rtl')
    leaf.shown = isWhole && !this.undo ? raw.length : raw.length + 0.5
  }

  /** @param {string} tag @param {HTMLElement} [parent] */
  #add(tag, parent = this.stack.at(-1)?.node ?? this.root) {
    const node = element(this.budget.nodes-- > 0 ? tag : 'span')
    parent.append(node)
    this.made.push(node)
    return node
  }
}

/** Whether a line begins something of its own. @param {string} line */
function starts(line) {
  const item = ITEM.exec(line)
  return STARTS.some((start) => start.test(line)) || (item !== null && (!item[4] || item[3] !== ''))
}

/** The cells of a table's line. @param {string} line */
function cells(line) {
  const parts = line.trim().split(/(?<!\\)\|/)
  if (!parts[0]) parts.shift()
  if (parts.length && !parts[parts.length - 1].trim()) parts.pop()
  return parts.map((part) => part.trim().replaceAll('\\|', '|'))
}
