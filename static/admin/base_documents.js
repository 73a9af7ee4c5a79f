// @ts-check
/** The documents of a knowledge base with their state, and the ways to add one. */
import { download, get, post } from './api.js'
import { deleteDocument } from './document_deleting.js'
import { isRunning, STATES, stateCell } from './document_state.js'
import { fill, h } from './dom.js'
import { icon } from './icons.js'
import { seconds } from './load.js'
import { pageUrl } from './route.js'
import {
  badge,
  bytes,
  card,
  dataTable,
  emptyState,
  formDialog,
  iconButton,
  number,
  pager,
  problem,
  toast,
  when,
} from './ui.js'
import { uploadZone } from './uploads.js'

const POLL_MS = 2000
/** Documents that are read at a time: the most that the server gives. */
const PAGE = 500

/** The documents of a base, read anew every two seconds while the server works on one of them. */
export class BaseDocuments {
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
      if (documents.some(isRunning))
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
        { key: 'status', label: 'State', render: stateCell },
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
    await deleteDocument(one, `${this.path}/${one.id}`)
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
