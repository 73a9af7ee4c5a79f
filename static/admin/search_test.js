// @ts-check
/** Asking a knowledge base as a bot would: which passages are found, and how near they are. */
import { post } from './api.js'
import { fill, h } from './dom.js'
import { counted } from './load.js'
import { pageUrl } from './route.js'
import { badge, busy, emptyState, field, formErrors, loading, percent, problem, valuesOf } from './ui.js'

const MODES = [
  { value: 'hybrid', label: 'By meaning and words' },
  { value: 'semantic', label: 'By meaning' },
  { value: 'keyword', label: 'By words' },
]
const MODE_WORDS = { hybrid: 'by meaning and words', semantic: 'by meaning', keyword: 'by words' }

/**
 * @param {any} base
 * @param {string} [begin]                       a question to ask at once
 * @param {(question: string) => void} [onAsk]   told what is asked
 * @returns {HTMLElement}
 */
export function searchTest(base, begin = '', onAsk) {
  const found = h('div', { class: 'found', 'aria-live': 'polite' })
  const button = h('button', { type: 'submit', class: 'button primary' }, 'Search')
  const ask = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault()
    if (!formErrors(form)) return
    const { query, mode, limit } = valuesOf(form)
    onAsk?.(query)
    fill(found, loading())
    try {
      const body = await busy(
        button,
        post(`knowledge-bases/${encodeURIComponent(base.id)}/search`, {
          query,
          mode,
          max_chunks: limit ?? 10,
        }),
      )
      fill(found, results(base, body, mode))
    } catch (error) {
      fill(found, problem(error))
    }
  }
  const form = h(
    'form',
    { class: 'search-test', novalidate: true, on: { submit: ask } },
    field({
      label: 'Question',
      name: 'query',
      type: 'search',
      required: true,
      value: begin,
      attributes: { maxlength: 10_000, placeholder: 'As a visitor would ask it' },
    }),
    field({
      label: 'Search',
      name: 'mode',
      type: 'select',
      options: MODES,
      value: base.embedding_dimensions ? 'hybrid' : 'keyword',
    }),
    field({
      label: 'At most',
      name: 'limit',
      type: 'number',
      value: 10,
      attributes: { min: 1, max: 100, inputmode: 'numeric' },
    }),
    button,
  )
  fill(
    found,
    emptyState({
      icon: 'search',
      title: 'Try a question',
      text: 'The passages that a bot would be shown are listed here with their scores.',
    }),
  )
  if (begin) queueMicrotask(() => form.requestSubmit())
  return h('div', null, form, found)
}

/** @param {any} base @param {any} body @param {string} asked */
function results(base, body, asked) {
  const mode = MODE_WORDS[/** @type {'hybrid'} */ (body.mode)] ?? body.mode
  const why =
    body.mode !== asked ? ' There are no vectors here, so it was searched otherwise than asked.' : ''
  const told = h('p', { class: 'faint' }, `${counted(body.count, 'passage')}, searched ${mode}.${why}`)
  if (!body.count)
    return [
      told,
      emptyState({
        title: 'Nothing was found',
        text: 'Ask in other words, or add a document that answers it.',
      }),
    ]
  return [
    told,
    h(
      'ol',
      { class: 'passages' },
      body.results.map((/** @type {any} */ one) => passage(base, one)),
    ),
  ]
}

/** @param {any} base @param {any} one */
function passage(base, one) {
  const place = [
    one.headings?.length && one.headings.join(' › '),
    one.page && `page ${one.page}`,
    `characters ${one.start_offset}–${one.end_offset}`,
  ]
    .filter(Boolean)
    .join(' · ')
  const score = Math.max(0, Math.min(1, one.similarity))
  return h(
    'li',
    { class: 'passage' },
    h(
      'div',
      { class: 'row' },
      h(
        'a',
        { href: `${pageUrl('knowledge', base.id, one.document_id)}?chunk=${one.chunk_index}`, dir: 'auto' },
        one.document_title || '(no title)',
      ),
      badge(`chunk ${one.chunk_index + 1}`),
      h(
        'span',
        { class: 'score' },
        h('meter', { min: '0', max: '1', value: score, 'aria-label': 'Similarity' }),
        percent(one.similarity),
        h('span', { class: 'faint' }, one.similarity.toFixed(3)),
      ),
    ),
    h('p', { class: 'faint', dir: 'auto' }, place),
    h('blockquote', { dir: 'auto' }, one.content),
  )
}
