// @ts-check
/** What is in a knowledge base, and how much of its quota that is. */
import { h } from './dom.js'
import { bytes, number } from './ui.js'

/** @param {any} base */
export function baseFigures(base) {
  const room = [
    meter('Documents', base.document_count, base.quota_max_documents, number),
    meter('Chunks', base.total_chunks, base.quota_max_chunks, number),
    meter('Size', base.total_bytes, base.quota_max_storage_bytes, bytes),
  ]
  const how = !base.total_chunks
    ? 'nothing yet'
    : base.embedding_dimensions
      ? `by meaning and by words (${base.embedding_model})`
      : 'by words only'
  const synced =
    base.source === 'filesystem' &&
    h(
      'div',
      { class: 'figure' },
      h('span', { class: 'faint' }, 'Synced'),
      h('strong', null, 'with the folder beside the bot'),
    )
  return [
    ...room,
    synced,
    h(
      'div',
      { class: 'figure' },
      h('span', { class: 'faint' }, 'Searched'),
      h('strong', null, base.is_reembedding ? 'vectors are being made anew' : how),
    ),
  ]
}

/** @param {string} label @param {number} used @param {number} max 0 for none @param {(n: number) => string} words */
function meter(label, used, max, words) {
  const text = max ? `${words(used)} of ${words(max)}` : words(used)
  const bar =
    max > 0 &&
    h('meter', {
      min: '0',
      max: String(max),
      high: String(max * 0.9),
      optimum: '0',
      value: used,
      'aria-label': `${label}: ${text}`,
    })
  return h('div', { class: 'figure' }, h('span', { class: 'faint' }, label), h('strong', null, text), bar)
}
