// @ts-check
/** One knowledge base: its documents with their state, uploads, a search to try it, settings, and its bots. */
import { del, download, get, post } from '../api.js'
import { fill, h } from '../dom.js'
import { icon } from '../icons.js'
import { baseSettings } from '../base_settings.js'
import { counted, listed, load, seconds } from '../load.js'
import { pageUrl } from '../route.js'
import { searchTest } from '../search_test.js'
import {
  badge,
  bytes,
  card,
  confirmDialog,
  dataTable,
  emptyState,
  formDialog,
  iconButton,
  number,
  pageHead,
  pager,
  problem,
  tabs,
  toast,
  when,
} from '../ui.js'
import { uploadZone } from '../uploads.js'

const POLL_MS = 2000
/** Documents that are read at a time: the most that the server gives. */
const PAGE = 500
const RUNNING = ['pending', 'processing']
const STATES = { pending: 'waiting', processing: 'being read', indexed: 'ready', failed: 'failed' }
const STAGES = {
  waiting: 'Waiting',
  extracting: 'Reading the file',
  chunking: 'Cutting it into chunks',
  embedding: 'Making vectors',
}

/** @param {HTMLElement} root @param {any} context */
export async function show(root, { params, query, navigate }) {
  const id = params[0]
  const back = { href: pageUrl('knowledge'), label: 'Knowledge' }
  fill(root, pageHead('Knowledge base', { back }))
  /** @type {Documents | undefined} */
  let documents
  const box = h('div', { class: 'stack' })
  root.append(box)
  await load(
    box,
    () => get(`knowledge-bases/${encodeURIComponent(id)}`),
    (base) => {
      root.firstElementChild?.replaceWith(
        pageHead(base.name, {
          back,
          lead: base.description,
          actions: [base.enabled ? badge('on', 'good') : badge('off')],
        }),
      )
      documents = new Documents(base)
      return body(base, documents, query, navigate)
    },
  )
  return () => documents?.stop()
}

/** @param {any} base @param {Documents} documents @param {any} query @param {any} navigate */
function body(base, documents, query, navigate) {
  const figures = h('div', { class: 'figures' }, quotas(base))
  documents.onCounts = async () => {
    const now = await get(`knowledge-bases/${encodeURIComponent(base.id)}`).catch(() => null)
    if (now) fill(figures, quotas(Object.assign(base, now)))
  }
  return [
    figures,
    tabs(
      [
        { id: 'documents', label: 'Documents', show: (panel) => documents.show(panel) },
        { id: 'search', label: 'Search test', show: (panel) => fill(panel, searchTest(base)) },
        { id: 'bots', label: 'Bots', show: (panel) => bots(panel, base) },
        { id: 'settings', label: 'Settings', show: (panel) => fill(panel, baseSettings(base, navigate)) },
      ],
      { active: query.tab, label: 'Knowledge base' },
    ),
  ]
}

/** What is in it, and how much of its quota that is. @param {any} base */
function quotas(base) {
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

/** The documents of a base, read anew every two seconds while the server works on one of them. */
class Documents {
  /** @param {any} base */
  constructor(base) {
    this.base = base
    this.path = `knowledge-bases/${encodeURIComponent(base.id)}/documents`
    this.list = h('div', { class: 'documents' })
    this.filter = h(
      'select',
      { 'aria-label': 'Only documents that are', on: { change: () => this.#choose() } },
      [['', 'All documents'], ...Object.entries(STATES)].map(([value, label]) =>
        h('option', { value }, label),
      ),
    )
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined
    this.stopped = false
    /** What the list held when it was read last. @type {string | undefined} */
    this.seen = undefined
    this.onCounts = () => {}
    this.pages = 1
  }

  stop() {
    this.stopped = true
    clearTimeout(this.timer)
  }

  /** @param {HTMLElement} panel */
  async show(panel) {
    const zone = h('div')
    fill(panel, zone, card('Documents', { actions: [this.filter, this.writeButton()] }, this.list))
    await Promise.all([this.read(), this.#offer(zone)])
  }

  writeButton() {
    return h(
      'button',
      { type: 'button', class: 'button', on: { click: () => this.write() } },
      icon('edit'),
      'Write a text',
    )
  }

  /** What may be uploaded is the server's to say. @param {HTMLElement} zone */
  async #offer(zone) {
    const can = await get('knowledge-bases/capabilities').catch(() => ({}))
    const types = (can.supported_file_types ?? []).map((/** @type {string} */ one) =>
      one.startsWith('.') ? one : `.${one}`,
    )
    fill(
      zone,
      uploadZone({
        path: `${this.path}/upload`,
        types,
        bytesMax: can.max_file_bytes,
        onTaken: () => this.read(),
      }),
    )
  }

  /** @returns {Promise<void>} */
  #choose() {
    this.pages = 1
    return this.read()
  }

  /** As many pages as somebody asked for; a document that moved between two of them is there once. */
  async #documents() {
    const found = new Map()
    let total = 0
    for (let at = 0; at < this.pages; at += 1) {
      const body = await get(this.path, { status: this.filter.value, limit: PAGE, offset: at * PAGE })
      for (const one of body.documents) found.set(one.id, one)
      total = body.total
      if (total <= (at + 1) * PAGE) break
    }
    return { documents: [...found.values()], total }
  }

  /** @returns {Promise<void>} */
  async read() {
    clearTimeout(this.timer)
    try {
      const { documents, total } = await this.#documents()
      if (this.stopped) return
      this.#show(documents, total)
      this.#count(documents)
      if (documents.some((/** @type {any} */ one) => RUNNING.includes(one.status)))
        this.timer = setTimeout(() => this.read(), POLL_MS)
    } catch (error) {
      if (!this.stopped)
        fill(
          this.list,
          problem(error, () => this.read()),
        )
    }
  }

  /** The figures above are read anew when there are other documents or chunks than before. @param {any[]} documents */
  #count(documents) {
    const seen = documents.map((one) => `${one.id} ${one.chunks_count}`).join()
    if (this.seen !== undefined && this.seen !== seen && !this.filter.value) this.onCounts()
    if (!this.filter.value) this.seen = seen
  }

  /** Rows that somebody is in keep their focus over a new reading. @param {any[]} documents @param {number} total */
  #show(documents, total) {
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)
    const key = this.list.contains(focused) ? focused?.closest('[data-row]')?.getAttribute('data-row') : null
    const label = focused?.getAttribute('aria-label')
    const next = total > this.pages * PAGE ? 'more' : null
    const onMore = () => {
      this.pages += 1
      return this.read()
    }
    fill(
      this.list,
      this.#table(documents),
      total > PAGE && pager({ shown: documents.length, total, next, onMore }),
    )
    if (!key) return
    const row = this.list.querySelector(`[data-row="${CSS.escape(key)}"]`)?.closest('tr')
    const buttons = [...(row?.querySelectorAll('a, button') ?? [])]
    const again = /** @type {HTMLElement | undefined} */ (
      buttons.find((one) => one.getAttribute('aria-label') === label) ?? buttons[0]
    )
    again?.focus()
  }

  /** @param {any[]} documents */
  #table(documents) {
    const isFiltered = this.filter.value !== ''
    const empty = isFiltered
      ? emptyState({
          title: 'No document is in this state',
          text: 'Choose “All documents” to see the others.',
        })
      : emptyState({
          icon: 'knowledge',
          title: 'No documents yet',
          text: 'Choose files above, drop them there, or write a text.',
        })
    return dataTable({
      label: 'List of documents',
      rows: documents,
      href: (one) => pageUrl('knowledge', this.base.id, one.id),
      empty,
      columns: [
        {
          key: 'title',
          label: 'Title',
          class: 'grow',
          render: (one) => [
            h('span', { dir: 'auto', data: { row: one.id } }, one.title || one.file_name || '(no title)'),
            one.file_name &&
              one.file_name !== one.title &&
              h('span', { class: 'faint below', dir: 'auto' }, one.file_name),
          ],
        },
        { key: 'status', label: 'State', render: state },
        { key: 'chunks_count', label: 'Chunks', numeric: true, render: (one) => number(one.chunks_count) },
        { key: 'bytes', label: 'Size', numeric: true, class: 'wide-only', render: (one) => bytes(one.bytes) },
        {
          key: 'source_type',
          label: 'From',
          class: 'wide-only',
          render: (one) => h('div', null, one.source_type, one.user_id && [' ', badge('private')]),
        },
        { key: 'updated_at', label: 'Changed', render: (one) => when(seconds(one.updated_at)) },
        { key: 'id', label: '', class: 'tight', render: (one) => this.#buttons(one) },
      ],
    })
  }

  /** @param {any} one */
  #buttons(one) {
    const name = one.title || one.file_name
    const file = one.file_name || 'document'
    return h(
      'span',
      { class: 'row', data: { row: one.id } },
      one.has_original &&
        iconButton('download', `Download ${name}`, () =>
          download(`${this.path}/${one.id}/original`, { name: file }).catch(toast),
        ),
      iconButton('trash', `Delete ${name}`, () => this.#remove(one)),
    )
  }

  /** @param {any} one */
  async #remove(one) {
    const loses = [
      `${counted(one.chunks_count, 'chunk')}, which no bot can find any more`,
      ...(one.has_original ? [`the file ${one.file_name} (${bytes(one.bytes)})`] : []),
    ]
    const text =
      one.source_type === 'folder'
        ? 'Its file stays in the folder beside the bot: delete it there, too, or it comes back.'
        : null
    if (!(await confirmDialog({ title: `Delete “${one.title || one.file_name}”?`, text, loses }))) return
    try {
      await del(`${this.path}/${one.id}`)
      toast('The document was deleted.', 'good')
    } catch (error) {
      toast(error)
    }
    await this.read()
  }

  async write() {
    const made = await formDialog({
      title: 'Write a text',
      wide: true,
      submit: 'Add',
      fields: [
        { label: 'Title', name: 'title', required: true },
        {
          label: 'Text',
          name: 'content',
          type: 'textarea',
          required: true,
          attributes: { rows: 12 },
          hint: 'Markdown headings help to find the right passage.',
        },
        {
          label: 'Address',
          name: 'source_url',
          type: 'url',
          hint: 'Where it can be read, if anywhere. Bots cite it.',
        },
      ],
      action: ({ title, content, source_url }) =>
        post(this.path, { title, content, source_url: source_url || null, mime_type: 'text/markdown' }),
    })
    if (!made) return
    toast('The text was taken and is being indexed.', 'good')
    await this.read()
  }
}

/** @param {any} one */
function state(one) {
  if (one.status === 'failed')
    return h('div', null, badge('failed', 'bad'), h('span', { class: 'faint below' }, one.error_message))
  if (!RUNNING.includes(one.status)) return h('div', null, badge('ready', 'good'))
  const { stage = 'waiting', done = 0, total = 0 } = one.progress ?? {}
  const words = STAGES[/** @type {keyof typeof STAGES} */ (stage)] ?? stage
  const bar =
    total > 0
      ? h('progress', { max: String(total), value: done, 'aria-label': words })
      : h('progress', { 'aria-label': words })
  return h('div', null, badge(words, 'info'), h('span', { class: 'below' }, bar))
}

/** @param {HTMLElement} panel @param {any} base */
function bots(panel, base) {
  return load(
    panel,
    () => get(`knowledge-bases/${encodeURIComponent(base.id)}/chatbots`),
    (found) => {
      const empty = emptyState({
        icon: 'bots',
        title: 'No bot answers from it yet',
        text: ['Name it in a bot’s file: ', h('code', null, `knowledge-bases: [${base.name}]`), '.'],
        action: h('a', { class: 'button', href: pageUrl('bots') }, 'To the bots'),
      })
      return dataTable({
        label: 'Bots',
        rows: listed(found),
        href: (one) => pageUrl('bots', one.chatbot_id),
        empty,
        columns: [
          {
            key: 'chatbot_name',
            label: 'Bot',
            class: 'grow',
            render: (one) => [
              h('strong', null, one.chatbot_name ?? one.name),
              one.description && h('span', { class: 'faint below' }, one.description),
            ],
          },
          { key: 'max_chunks', label: 'Passages at most', numeric: true },
          {
            key: 'similarity_threshold',
            label: 'Nearest at least',
            render: (one) =>
              one.similarity_threshold === null ? 'the model’s own' : String(one.similarity_threshold),
          },
          {
            key: 'origin',
            label: 'Linked by',
            render: (one) =>
              ({ annotation: 'the bot’s file', folder: 'the folder beside it', api: 'an administrator' })[
                /** @type {'api'} */ (one.origin)
              ] ?? one.origin,
          },
          {
            key: 'enabled',
            label: 'State',
            render: (one) => (one.enabled ? badge('on', 'good') : badge('off')),
          },
        ],
      })
    },
  )
}
