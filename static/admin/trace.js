// @ts-check
/** How one answer came about: times, what the model was told, passages with scores, queries with rows. */
import { get } from './api.js'
import { fill, h, svg } from './dom.js'
import { facts } from './message.js'
import { resultNode } from './result.js'
import { toolWords } from './tool_words.js'
import { badge, duration, exactTime, loading, number, openDialog, problem, tabs } from './ui.js'

const KINDS = { retrieve: 'Search', model: 'Model', tool: 'Tool' }
const SCORE = new Intl.NumberFormat(undefined, { maximumFractionDigits: 3 })

/** @param {string} conversationId @param {string} turnId */
export function showTrace(conversationId, turnId) {
  return openDialog({
    title: 'Trace of an answer',
    wide: true,
    content: () => {
      const root = h('div', { class: 'trace' }, loading(6))
      const read = async () => {
        try {
          fill(
            root,
            ...parts(
              await get(
                `conversations/${encodeURIComponent(conversationId)}/trace/${encodeURIComponent(turnId)}`,
              ),
            ),
          )
        } catch (error) {
          fill(root, problem(error, read))
        }
      }
      read()
      return root
    },
  })
}

/** @param {any} trace */
function parts(trace) {
  const { steps = [], prompt = [], passages = [], queries = [] } = trace
  return [
    !trace.kept &&
      h(
        'p',
        { class: 'notice' },
        'Of this answer only figures are kept: traces are deleted after some days, and some bots keep none.',
      ),
    trace.question && h('blockquote', { class: 'quoted', dir: 'auto' }, trace.question),
    facts([
      ['Bot', trace.bot],
      ['Model', [trace.model, trace.provider && ` (${trace.provider})`]],
      ['Began', exactTime(trace.started_at)],
      [
        'First words',
        trace.first_token_ms === null || trace.first_token_ms === undefined
          ? null
          : `after ${duration(trace.first_token_ms)}`,
      ],
      ['All of it', duration(trace.total_ms)],
      [
        'Tokens',
        trace.usage &&
          `${number(trace.usage.prompt_tokens)} in, ${number(trace.usage.completion_tokens)} out`,
      ],
      [
        'Ended',
        trace.status &&
          badge(trace.status, trace.status === 'done' ? 'good' : trace.status === 'failed' ? 'bad' : ''),
      ],
      ['Error', trace.error_code],
    ]),
    tabs(
      [
        {
          id: 'times',
          label: `Times (${steps.length})`,
          show: (panel) => void panel.append(waterfall(steps, trace.total_ms, trace.first_token_ms)),
        },
        { id: 'prompt', label: 'Prompt', show: (panel) => void panel.append(...prompts(prompt)) },
        {
          id: 'passages',
          label: `Passages (${passages.length})`,
          show: (panel) => void panel.append(passageList(passages)),
        },
        {
          id: 'queries',
          label: `SQL (${queries.length})`,
          show: (panel) => void panel.append(queryList(queries)),
        },
      ],
      { label: 'Parts of the trace' },
    ),
  ]
}

/** @param {any} step */
function nameOf(step) {
  const detail =
    (step.kind === 'tool' && step.name && toolWords(step.name)) ||
    step.name ||
    step.tool ||
    step.model ||
    step.label ||
    step.knowledge_base
  return [
    KINDS[/** @type {keyof typeof KINDS} */ (step.kind)] ?? step.kind,
    detail && h('span', { class: 'faint' }, ' ', h('bdi', null, detail)),
  ]
}

/** Each step where it lies in time. @param {any[]} steps @param {number} total @param {number | null | undefined} first */
function waterfall(steps, total, first) {
  if (!steps.length) return h('p', { class: 'faint' }, 'No steps were kept.')
  const whole = Math.max(total || 0, ...steps.map((step) => step.at_ms + step.took_ms), 1)
  return h(
    'div',
    { class: 'table-frame', role: 'region', tabindex: 0, 'aria-label': 'Times' },
    h(
      'table',
      { class: 'waterfall' },
      h(
        'thead',
        null,
        h(
          'tr',
          null,
          h('th', { scope: 'col' }, 'Step'),
          h('th', { scope: 'col', class: 'numeric' }, 'From'),
          h('th', { scope: 'col', class: 'numeric' }, 'Took'),
          h('th', { scope: 'col' }, h('span', { class: 'unseen' }, 'In time')),
        ),
      ),
      h(
        'tbody',
        null,
        steps.map((step) =>
          h(
            'tr',
            null,
            h(
              'td',
              null,
              nameOf(step),
              step.error && h('p', { class: 'small wrong' }, step.error.message ?? step.error),
            ),
            h('td', { class: 'numeric' }, duration(step.at_ms)),
            h('td', { class: 'numeric' }, duration(step.took_ms)),
            h(
              'td',
              { class: 'bars' },
              svg(
                'svg',
                { viewBox: '0 0 1000 20', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
                first &&
                  svg('line', {
                    class: 'first-words',
                    x1: (first / whole) * 1000,
                    x2: (first / whole) * 1000,
                    y1: 0,
                    y2: 20,
                  }),
                svg('rect', {
                  class: `step-${step.kind}`,
                  x: (step.at_ms / whole) * 1000,
                  y: 4,
                  width: Math.max(4, (step.took_ms / whole) * 1000),
                  height: 12,
                  rx: 3,
                }),
              ),
            ),
          ),
        ),
      ),
    ),
  )
}

/** What each call of the model was sent; of a later call what is new, as it begins with all of the one before. @param {any[][]} calls @returns {HTMLElement[]} */
function prompts(calls) {
  if (!calls.length) return [h('p', { class: 'faint' }, 'No prompt was kept.')]
  return calls.map((call, at) => {
    const known = at ? calls[at - 1].length : 0
    return h(
      'section',
      { class: 'stack tight-stack' },
      calls.length > 1 && h('h3', null, `Call ${at + 1}`),
      known > 0 && h('p', { class: 'faint small' }, `The ${number(known)} messages before, and:`),
      call
        .slice(known)
        .map((message) =>
          h(
            'details',
            { class: 'tool', open: !at && message.role === 'system' },
            h(
              'summary',
              null,
              badge(message.role, message.role === 'system' ? 'info' : ''),
              ' ',
              h('span', { class: 'faint small' }, `${number(textOf(message).length)} characters`),
            ),
            h('pre', { tabindex: 0, dir: 'auto', 'aria-label': `${message.role} message` }, textOf(message)),
          ),
        ),
    )
  })
}

/** @param {any} message */
function textOf({ content, tool_calls: calls }) {
  const text =
    typeof content === 'string'
      ? content
      : content === null || content === undefined
        ? ''
        : JSON.stringify(content, null, 2)
  return calls?.length ? `${text}${text && '\n'}${JSON.stringify(calls, null, 2)}` : text
}

/** @param {any[]} passages */
function passageList(passages) {
  if (!passages.length) return h('p', { class: 'faint' }, 'Nothing was looked up for this answer.')
  return h(
    'ol',
    { class: 'cited' },
    passages.map((one) =>
      h(
        'li',
        { value: one.number },
        h(
          'div',
          { class: 'row' },
          h('strong', null, h('bdi', null, one.title)),
          one.used ? badge('Used', 'good') : badge('Not used'),
        ),
        h(
          'p',
          { class: 'faint small' },
          [
            ['Score', one.score],
            ['by meaning', one.vector_score],
            ['by words', one.word_score],
          ]
            .filter(([, score]) => score !== null && score !== undefined)
            .map(([label, score]) => `${label} ${SCORE.format(Number(score))}`)
            .join(', '),
        ),
        h('p', { class: 'quoted', dir: 'auto' }, one.content),
      ),
    ),
  )
}

/** @param {any[]} queries */
function queryList(queries) {
  if (!queries.length) return h('p', { class: 'faint' }, 'No query was run for this answer.')
  return h(
    'div',
    { class: 'stack' },
    queries.map((one) =>
      h(
        'section',
        { class: 'stack tight-stack' },
        h('pre', { tabindex: 0, 'aria-label': 'SQL' }, one.sql),
        h(
          'p',
          { class: 'faint small' },
          `${number(one.row_count)} ${one.row_count === 1 ? 'row' : 'rows'}, ${duration(one.duration_ms)}`,
        ),
        one.error && h('p', { class: 'wrong' }, one.error),
        rowsOf(one),
      ),
    ),
  )
}

/** @param {any} query */
function rowsOf({ rows, row_count: count, ...query }) {
  return (
    rows?.length > 0 &&
    resultNode({ ...query, columns: query.columns ?? Object.keys(rows[0]), rows, count }).table
  )
}
