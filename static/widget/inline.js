// @ts-check
/** What stands within a line of Markdown: emphasis, code, links. Nodes are made in one pass over the text. */
import { element, linkOut } from './nodes.js'

const MARKS = new RegExp(
  [
    '\\\\[!-/:-@[-`{-~\\n]', // escaped
    '`+',
    '\\*+|_+|~~',
    '!?\\[|\\]',
    '<br ?/?>| {2,}\\n|\\n',
    '<(?:https?://|mailto:|tel:)[^\\s<>]{1,2000}>',
    'https?://[^\\s<>[\\]`]{1,2000}',
  ].join('|'),
  'gi',
)
const TARGET = /^\(\s*(?:<([^<>\n]*)>|((?:[^\s()]|\([^\s()]*\))*))(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/
/** An address and its title are no longer. */
const TARGET_CHARS_MAX = 3000
/** Marks that wait for their other half; more of them inside each other nobody means. */
const OPEN_MAX = 30
const TAGS = /** @type {Record<string, string>} */ ({
  '*': 'em',
  _: 'em',
  '**': 'strong',
  __: 'strong',
  '~~': 's',
})

/**
 * @param {string} text @param {HTMLElement} node @param {{nodes: number}} budget  of elements
 * @param {boolean} [isGrowing]  more may come
 */
export function inline(text, node, budget, isGrowing = false) {
  // An address that is being written would be a flicker.
  if (isGrowing) text = text.replace(/\[([^[\]]*)\]\([^()\s]*$/, '$1')
  const ends = codeEnds(text)
  /** @type {(Node | string)[]} */
  const out = []
  /** Where the open marks stand in `out`. @type {{mark: string, at: number}[]} */
  let open = []
  const say = (/** @type {string} */ words) => {
    const last = out.length - 1
    if (typeof out[last] === 'string' && open.at(-1)?.at !== last) out[last] += words
    else if (words) out.push(words)
  }
  const wrap = (/** @type {HTMLElement} */ made, /** @type {number} */ at) => {
    budget.nodes--
    put(made, out.splice(at + 1))
    out[at] = made
  }
  const begin = (/** @type {string} */ mark) => {
    open.push({ mark, at: out.push(mark) - 1 })
    if (open.length > OPEN_MAX) open.shift()
  }
  let done = 0
  MARKS.lastIndex = 0
  for (let found = MARKS.exec(text); found && budget.nodes > 0; found = MARKS.exec(text)) {
    const [mark] = found
    const { index } = found
    say(text.slice(done, index))
    done = MARKS.lastIndex
    if (mark[0] === '\\') {
      if (mark[1] === '\n') out.push(element('br'))
      else say(mark[1])
    } else if (mark[0] === '`') {
      const end = ends.get(index)
      if (end === undefined) say(mark)
      else {
        const code = text.slice(done, end).replaceAll('\n', ' ')
        out.push(element('code', '', /^ .*\S.* $/.test(code) ? code.slice(1, -1) : code))
        budget.nodes--
        MARKS.lastIndex = done = end + mark.length
      }
    } else if (/^(\s*\n|<br.*)$/i.test(mark)) {
      out.push(element('br'))
      budget.nodes--
    } else if (mark.endsWith('[')) {
      begin(mark)
    } else if (mark === ']') {
      const from = open.findLast(({ mark: other }) => other.endsWith('['))
      const target = from && TARGET.exec(text.slice(done, done + TARGET_CHARS_MAX))
      if (from) open = open.slice(0, open.indexOf(from))
      const link = target && linkOut(target[1] ?? target[2])
      if (from && link) {
        wrap(link, from.at)
        for (const inner of link.querySelectorAll('a')) inner.replaceWith(...inner.childNodes)
        if (!link.textContent) link.textContent = link.getAttribute('href')
        MARKS.lastIndex = done += target[0].length
      } else say(mark)
    } else if (/^(https?:|<)/i.test(mark)) {
      const address = mark[0] === '<' ? mark.slice(1, -1) : bare(mark)
      const link = linkOut(address, address)
      if (link) {
        out.push(link)
        budget.nodes--
        if (mark[0] !== '<') MARKS.lastIndex = done = index + address.length
      } else say(mark)
    } else emphasis(mark, text[index - 1] ?? ' ', text[done] ?? ' ')
  }
  say(text.slice(done))
  if (isGrowing)
    for (const { mark, at } of open.reverse())
      if (mark.length > 1 && TAGS[mark]) wrap(element(TAGS[mark]), at)
  put(node, out)

  /** @param {string} run @param {string} before @param {string} after  the characters around it */
  function emphasis(run, before, after) {
    const inWord = run[0] === '_' && isWordy(before) && isWordy(after)
    if (run.length > 3 || inWord) return say(run)
    let left = run
    while (left && /\S/.test(before)) {
      const floor = open.findLastIndex(({ mark }) => mark.endsWith('['))
      const half = open.findLastIndex(({ mark, at }, place) => {
        return place > floor && mark[0] === run[0] && mark.length <= left.length && at < out.length - 1
      })
      if (half < 0) break
      const { mark, at } = open[half]
      wrap(element(TAGS[mark]), at)
      open.length = half
      left = left.slice(mark.length)
    }
    const opens = /\S/.test(after) && !(run[0] === '_' && isWordy(before))
    if (!opens || run === '~') return say(left)
    if (left.length > 1) begin(left.slice(0, 2))
    if (left.length % 2) begin(left[0])
  }
}

/** Where the code ends that begins at a run of backticks: at the next one as long. @param {string} text */
function codeEnds(text) {
  /** @type {Map<number, number | undefined>} */
  const ends = new Map()
  /** @type {Map<number, number>} */
  const next = new Map()
  for (const run of [...text.matchAll(/`+/g)].reverse()) {
    ends.set(run.index, next.get(run[0].length))
    next.set(run[0].length, run.index)
  }
  return ends
}

/** The address as it was meant, without what ends the sentence. @param {string} address */
function bare(address) {
  let end = address.length
  while (/[.,;:!?'"*_~)|\\]/.test(address[end - 1])) {
    if (address[end - 1] === ')' && address.slice(0, end).includes('(')) break
    end--
  }
  return address.slice(0, end)
}

/** @param {string} character */
function isWordy(character) {
  return /[\p{L}\p{N}]/u.test(character)
}

/** Under the node at once: each child by itself would have its direction guessed anew. @param {HTMLElement} node @param {(Node | string)[]} children */
function put(node, children) {
  const all = new DocumentFragment()
  let text = ''
  for (const child of children) {
    if (typeof child === 'string') text += child
    else {
      if (text) all.append(text)
      all.append(child)
      text = ''
    }
  }
  all.append(text)
  node.append(all)
}
