// @ts-check
/** One document: what was read of it, how it was cut, and what is known of it. */
import { again } from '../again.js'
import { download, get } from '../api.js'
import { deleteDocument } from '../document_deleting.js'
import { isRunning, stateCell } from '../document_state.js'
import { fill, h } from '../dom.js'
import { icon } from '../icons.js'
import { counted, facts, load, seconds } from '../load.js'
import { markedText, showChunk } from '../passages.js'
import { pageUrl } from '../route.js'
import { bytes, card, emptyState, pageHead, toast, when } from '../ui.js'

const PAGE = 100
/** While the server works on it. */
const LOOK_MS = 2000

/** @param {HTMLElement} root @param {any} context */
export async function show(root, { params, query, navigate, signal }) {
  const [base, id] = params
  const path = `knowledge-bases/${encodeURIComponent(base)}/documents/${encodeURIComponent(id)}`
  const back = { href: pageUrl('knowledge', base), label: 'Knowledge base' }
  const box = h('div', { class: 'stack' })
  fill(root, pageHead('Document', { back }), box)
  let shown = ''
  const draw = (/** @type {any} */ one) => {
    shown = isRunning(one) ? JSON.stringify(one) : ''
    root.firstElementChild?.replaceWith(head(one, path, back, navigate))
    return [about(one), one.content ? chunks(one, path, Number(query.chunk ?? -1)) : unread(one)]
  }
  await load(box, () => get(path), draw)
  const look = async () => {
    if (!shown) return
    const one = await get(path, {}, signal)
    if (JSON.stringify(one) !== shown && !signal.aborted) fill(box, draw(one))
  }
  again(LOOK_MS, look, signal)
}

/** @param {any} one @param {string} path @param {{href: string, label: string}} back @param {(path: string) => void} navigate */
function head(one, path, back, navigate) {
  const file = one.file_name || 'document'
  const save =
    one.has_original &&
    h(
      'button',
      {
        type: 'button',
        class: 'button',
        on: { click: () => download(`${path}/original`, { name: file }).catch(toast) },
      },
      icon('download'),
      'Download',
    )
  const remove = async () => (await deleteDocument(one, path)) && navigate(back.href)
  const end = h('button', { type: 'button', class: 'button danger', on: { click: remove } }, 'Delete')
  return pageHead(one.title || one.file_name || '(no title)', { back, actions: [save, end] })
}

/** @param {any} one */
function about(one) {
  return card(
    null,
    {},
    facts([
      ['State', stateCell(one)],
      ['File', one.file_name && h('span', { dir: 'auto' }, one.file_name)],
      ['Kind', one.mime_type],
      ['Size', bytes(one.bytes)],
      ['Chunks', String(one.chunks_count)],
      [
        'From',
        one.source_url
          ? h('a', { href: one.source_url, rel: 'noopener noreferrer', target: '_blank' }, one.source_url)
          : one.source_type,
      ],
      ['Only for', one.user_id],
      ['Tags', one.tags.join(', ')],
      ['Added', when(seconds(one.created_at))],
      ['Indexed', one.indexed_at && when(seconds(one.indexed_at))],
    ]),
  )
}

/** @param {any} one */
function unread(one) {
  const text =
    one.status === 'failed'
      ? 'Nothing could be read of it. Delete it, and upload a better file.'
      : 'It is still being read, and comes as soon as that is done.'
  return emptyState({ icon: 'knowledge', title: 'No text', text })
}

/** The text with its chunks marked, a page of them at a time. @param {any} one @param {string} path @param {number} wanted */
function chunks(one, path, wanted) {
  const box = h('div')
  let offset = wanted > 0 ? Math.floor(wanted / PAGE) * PAGE : 0
  const read = () =>
    load(
      box,
      () => get(`${path}/chunks`, { offset, limit: PAGE }),
      (body) => {
        const text = markedText(one.content, body.chunks)
        const choose = (/** @type {any} */ chunk) => {
          for (const button of list.querySelectorAll('button'))
            button.setAttribute('aria-pressed', String(button.dataset.chunk === String(chunk.chunk_index)))
          showChunk(text, chunk.chunk_index)
        }
        const list = h(
          'ol',
          { class: 'chunk-list', start: String(offset + 1) },
          body.chunks.map((/** @type {any} */ chunk) =>
            h(
              'li',
              null,
              entry(chunk, () => choose(chunk)),
            ),
          ),
        )
        const chosen = body.chunks.find((/** @type {any} */ chunk) => chunk.chunk_index === wanted)
        if (chosen) requestAnimationFrame(() => choose(chosen))
        return [h('div', { class: 'chunks' }, list, text), turner(body)]
      },
    )
  const turner = (/** @type {any} */ body) => {
    if (body.total <= PAGE)
      return h(
        'p',
        { class: 'faint' },
        `${counted(body.total, 'chunk')}. Where neighbours overlap, the text is marked twice.`,
      )
    const move = (/** @type {number} */ by) => async () => {
      offset += by
      await read()
    }
    return h(
      'div',
      { class: 'row' },
      h(
        'button',
        { type: 'button', class: 'button', disabled: offset === 0, on: { click: move(-PAGE) } },
        'Earlier chunks',
      ),
      h(
        'span',
        { class: 'faint' },
        `${offset + 1}–${offset + body.count} of ${counted(body.total, 'chunk')}`,
      ),
      h(
        'button',
        {
          type: 'button',
          class: 'button',
          disabled: offset + body.count >= body.total,
          on: { click: move(PAGE) },
        },
        'Later chunks',
      ),
    )
  }
  read()
  return card('Text and chunks', {}, box)
}

/** @param {any} chunk @param {() => void} choose */
function entry(chunk, choose) {
  const place = [chunk.headings?.at(-1), chunk.page && `page ${chunk.page}`].filter(Boolean).join(', ')
  return h(
    'button',
    {
      type: 'button',
      class: 'plain chunk-entry',
      'aria-pressed': 'false',
      data: { chunk: chunk.chunk_index },
      on: { click: choose },
    },
    h('strong', null, `Chunk ${chunk.chunk_index + 1}`),
    h(
      'span',
      { class: 'faint' },
      `${chunk.start_offset}–${chunk.end_offset}, about ${chunk.token_count} tokens`,
    ),
    place && h('span', { class: 'faint', dir: 'auto' }, place),
  )
}
