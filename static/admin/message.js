// @ts-check
/** One message of a conversation as operators see it: who said it, its text, tools, tables, sources and feedback. */
import { fill, h } from './dom.js'
import { icon } from './icons.js'
import { badge, bytes, clock, duration, exactTime, number } from './ui.js'
import { resultNode } from './result.js'
import { toolQuestion, toolWords } from './tool_words.js'
import { MarkdownWriter } from '../widget/markdown.js'

/**
 * @typedef {object} Message
 * @property {string} id
 * @property {string} [turn_id]
 * @property {'user' | 'assistant' | 'operator' | 'note'} role
 * @property {string} [name]
 * @property {string} [status]
 * @property {string} [text]
 * @property {any[]} [parts]
 * @property {any[]} [sources]
 * @property {any} [usage]
 * @property {'positive' | 'negative' | null} [feedback]
 * @property {string} [comment]
 * @property {{code: string, text: string} | null} [error]
 * @property {{id: string, name: string, bytes: number, characters: number}[]} [files]  that a question was sent with; those without a name were deleted
 * @property {number} created_at
 * @property {'waiting' | 'joined' | 'left' | 'ended'} [note]
 */

const STATES = { cancelled: 'Stopped', interrupted: 'Interrupted', failed: 'Failed' }

/** @param {Message} message @param {{person: string, bot: string, onTrace?: (turnId: string) => void}} who @returns {HTMLElement} */
export function messageNode(message, who) {
  if (message.role === 'note') return noteNode(message)
  const own = message.role !== 'user'
  const name =
    message.role === 'user' ? who.person : message.role === 'operator' ? message.name || 'Colleague' : who.bot
  return h(
    'li',
    { class: `message ${message.role}`, data: { id: message.id } },
    h(
      'div',
      { class: 'message-head' },
      h('strong', null, h('bdi', null, name)),
      message.role === 'operator' && badge('Person', 'info'),
      state(message),
      time(message),
    ),
    own
      ? answerBody(message)
      : [h('p', { class: 'said', dir: 'auto' }, message.text ?? ''), filesNode(message.files ?? [])],
    foot(message, who),
  )
}

/** @param {Message} message */
function time(message) {
  return h(
    'time',
    {
      class: 'faint small',
      datetime: new Date(message.created_at * 1000).toISOString(),
      title: exactTime(message.created_at),
    },
    clock(message.created_at),
  )
}

/** @param {Message} message */
function state({ role, status = '' }) {
  if (role === 'user') return null
  const words = STATES[/** @type {keyof typeof STATES} */ (status)]
  return words && badge(words, status === 'failed' ? 'bad' : 'warn')
}

/** A line between messages. @param {Message} message */
function noteNode(message) {
  const name = h('bdi', null, message.name || 'A colleague')
  const words = {
    waiting: ['A person was asked for', message.text && [': ', h('q', { dir: 'auto' }, message.text)]],
    joined: [name, ' joined; the bot is silent'],
    left: [name, ' left; the bot goes on'],
    ended: ['Nobody is waited for any more'],
  }[message.note ?? 'ended'] ?? [message.text ?? '']
  return h(
    'li',
    { class: 'message note', data: { id: message.id } },
    h('span', null, words, ' · ', time(message)),
  )
}

/** What a question was sent with. @param {NonNullable<Message['files']>} files */
function filesNode(files) {
  if (!files.length) return null
  return h(
    'ul',
    { class: 'attached', 'aria-label': 'Files' },
    files.map((file) =>
      h(
        'li',
        null,
        icon('file'),
        file.name
          ? [h('bdi', null, file.name), h('span', { class: 'faint' }, bytes(file.bytes))]
          : h('span', { class: 'faint' }, 'A file that was deleted'),
      ),
    ),
  )
}

/** @param {Message} message */
function answerBody(message) {
  const parts = message.parts?.length ? message.parts : [{ kind: 'text', text: message.text ?? '' }]
  const nodes = parts.map((part) =>
    part.kind === 'text' ? prose(part.text) : part.kind === 'tool' ? toolNode(part) : null,
  )
  return h('div', { class: 'answer' }, nodes, sourcesNode(message.sources ?? []), errorNode(message.error))
}

/** Markdown as nodes. @param {string} text @returns {HTMLElement} */
export function prose(text) {
  const node = h('div', { class: 'prose', dir: 'auto' })
  const writer = new MarkdownWriter(
    node,
    (key) => ({ copy: 'Copy', copied: 'Copied', cannotCopy: 'Cannot copy here' })[key] ?? key,
  )
  writer.write(text ?? '')
  writer.end()
  return node
}

/** @param {any} error */
function errorNode(error) {
  if (!error) return null
  const text = typeof error === 'string' ? error : (error.message ?? error.text ?? error.code ?? 'It failed.')
  return h('div', { class: 'problem' }, icon('warning'), h('p', null, text))
}

// -- tools ---------------------------------------------------------------------------------------------

/** A tool's call: what it did and its sum in a line, behind it what it was given and gave. @param {any} part */
export function toolNode(part) {
  const query = part.query && typeof part.query === 'object' ? part.query : part
  const sql = query.sql ?? (typeof query.query === 'string' ? query.query : null)
  const error = part.error ?? query.error
  const rows = query.rows ?? query.data ?? []
  const count = query.row_count ?? rows.length
  const result =
    rows.length > 0 && resultNode({ ...query, columns: query.columns ?? Object.keys(rows[0]), rows, count })
  // A picture that was asked for is part of the answer: it is there before somebody opens anything.
  const picture = result && query.chart ? result.picture : null
  return h(
    'div',
    null,
    h(
      'details',
      { class: `tool ${error ? 'failed' : ''}` },
      h(
        'summary',
        null,
        badge(sql ? 'SQL' : toolWords(part.name), error ? 'bad' : ''),
        ' ',
        h('bdi', null, query.summary || part.summary || (sql ? 'Query' : toolQuestion(part))),
        ' ',
        h('span', { class: 'faint small' }, sumOf(part, query, Boolean(sql && !error), count)),
      ),
      h(
        'div',
        { class: 'stack' },
        sql ? h('pre', { tabindex: 0, 'aria-label': 'SQL' }, sql) : givenNodes(part),
        error && errorNode(error),
        result && result.table,
        !sql &&
          (part.content ?? part.result) &&
          h('pre', { tabindex: 0, 'aria-label': 'Result' }, plain(part.content ?? part.result)),
      ),
    ),
    picture,
  )
}

/** How many rows, and how long it took. @param {any} part @param {any} query @param {boolean} hasRows @param {number} count */
function sumOf(part, query, hasRows, count) {
  const took = part.duration_ms ?? query.duration_ms
  const rows = hasRows && `${number(count)} ${count === 1 ? 'row' : 'rows'}`
  return [rows, took !== undefined && took !== null && duration(took)].filter(Boolean).join(', ')
}

/** With what a tool was called, and its name for who looks it up. @param {any} part */
function givenNodes(part) {
  if (part.arguments === undefined) return null
  return [
    part.name &&
      h('p', { class: 'faint small' }, 'The tool ', h('code', null, part.name), ' was called with:'),
    h('pre', { tabindex: 0, 'aria-label': 'Arguments' }, plain(part.arguments)),
  ]
}

/** @param {unknown} value */
const plain = (value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2))

// -- below a message -------------------------------------------------------------------------------------

/** @param {any[]} sources */
function sourcesNode(sources) {
  if (!sources.length) return null
  return h(
    'details',
    { class: 'tool' },
    h(
      'summary',
      null,
      badge('Sources', ''),
      ' ',
      number(sources.length),
      sources.length === 1 ? ' passage' : ' passages',
    ),
    h(
      'ol',
      { class: 'cited' },
      sources.map((source) =>
        h(
          'li',
          { value: source.number },
          h('strong', null, h('bdi', null, source.title)),
          source.page ? ` · page ${source.page}` : '',
          source.url &&
            h(
              'span',
              null,
              ' · ',
              h('a', { href: source.url, target: '_blank', rel: 'noopener noreferrer' }, 'Open'),
            ),
          h('p', { class: 'quoted', dir: 'auto' }, source.content),
        ),
      ),
    ),
  )
}

/** @param {Message} message @param {{onTrace?: (turnId: string) => void}} who */
function foot(message, { onTrace }) {
  const turn = message.role === 'assistant' && onTrace ? message.turn_id : null
  const usage = (message.usage?.prompt_tokens ?? 0) + (message.usage?.completion_tokens ?? 0)
  if (!message.feedback && !turn && !usage) return null
  return h(
    'div',
    { class: 'message-foot' },
    message.feedback &&
      h(
        'p',
        { class: `verdict ${message.feedback}` },
        icon(message.feedback === 'positive' ? 'up' : 'down'),
        message.feedback === 'positive' ? 'Helpful' : 'Not helpful',
        message.comment && h('q', { dir: 'auto' }, message.comment),
      ),
    usage ? h('span', { class: 'faint small' }, `${number(usage)} tokens`) : null,
    turn &&
      h('button', { type: 'button', class: 'link small', on: { click: () => onTrace?.(turn) } }, 'Trace'),
  )
}

/** The answer that is being written now: it grows by what the stream tells. */
export class Running {
  /** @param {string} bot */
  constructor(bot) {
    this.step = h('p', { class: 'step faint' }, 'Working…')
    this.text = h('div', { class: 'prose', dir: 'auto' })
    this.tools = h('div', { class: 'answer' })
    this.node = h(
      'li',
      { class: 'message assistant running', 'aria-busy': 'true' },
      h(
        'div',
        { class: 'message-head' },
        h('strong', null, h('bdi', null, bot)),
        badge('Being written', 'good'),
      ),
      this.tools,
      this.text,
      this.step,
    )
    this.writer = new MarkdownWriter(this.text)
  }

  /** @param {any} frame  of the stream */
  take(frame) {
    if (frame.type === 'content') this.writer.write(frame.delta)
    if (frame.type === 'progress') fill(this.step, frame.message)
    if (['query_result', 'tool_result'].includes(frame.type)) {
      this.tools.append(toolNode({ ...frame, name: frame.message }))
    }
  }

  end() {
    this.writer.end()
    this.step.remove()
    this.node.removeAttribute('aria-busy')
  }
}

/** A list of facts beside each other. @param {[string, import('./dom.js').Child | import('./dom.js').Child[]][]} pairs */
export function facts(pairs) {
  return h(
    'dl',
    { class: 'facts' },
    pairs
      .filter(([, shown]) => shown !== null && shown !== undefined && shown !== '')
      .flatMap(([label, shown]) => [h('dt', null, label), h('dd', null, shown)]),
  )
}
