// @ts-check
/** Settings of a knowledge base: name, how documents are cut, how much may be in it; and its end. */
import { del, put } from './api.js'
import { fill, h } from './dom.js'
import { counted } from './load.js'
import { pageUrl } from './route.js'
import { bytes, busy, card, confirmDialog, field, formErrors, problem, toast, valuesOf } from './ui.js'

const STRATEGIES = [
  { value: 'recursive', label: 'By headings and paragraphs' },
  { value: 'paragraph', label: 'By paragraphs' },
  { value: 'sentence', label: 'By sentences' },
  { value: 'fixed', label: 'By length' },
]
const VISIBILITIES = [
  { value: 'private', label: 'Its owner and those it is shared with' },
  { value: 'shared', label: 'Whoever it is shared with' },
  { value: 'public', label: 'Every signed-in user' },
]
const MEGABYTE = 1_000_000
const RECUT = ['chunk_size', 'chunk_overlap', 'chunk_strategy']

/** @param {any} base @param {(path: string) => void} navigate @returns {HTMLElement} */
export function baseSettings(base, navigate) {
  const note = h('div')
  const button = h('button', { type: 'submit', class: 'button primary' }, 'Save')
  const save = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault()
    if (!formErrors(form)) return
    fill(note)
    const wanted = changed(base, valuesOf(form))
    if (!Object.keys(wanted).length) return toast('Nothing was changed.')
    if (!(await agreed(base, wanted))) return
    try {
      Object.assign(base, await busy(button, put(path(base), wanted)))
      toast('The settings were saved.', 'good')
    } catch (error) {
      fill(note, problem(error))
    }
  }
  const form = h(
    'form',
    { novalidate: true, on: { submit: save } },
    fields(base).map(field),
    note,
    h('div', { class: 'dialog-foot' }, button),
  )
  const remove = h(
    'button',
    { type: 'button', class: 'button danger', on: { click: () => end(base, navigate) } },
    'Delete this knowledge base',
  )
  return h(
    'div',
    { class: 'narrow' },
    card('Settings', {}, form),
    card('Delete', {}, h('p', null, 'Its documents, chunks and files go with it.'), remove),
  )
}

/** @param {any} base @returns {import('./ui/fields.js').Field[]} */
function fields(base) {
  return [
    { label: 'Name', name: 'name', value: base.name, required: true },
    { label: 'Description', name: 'description', value: base.description },
    {
      label: 'On',
      name: 'enabled',
      type: 'checkbox',
      value: base.enabled,
      hint: 'Bots find nothing in one that is off.',
    },
    {
      label: 'Who may read it over the API',
      name: 'visibility',
      type: 'select',
      options: VISIBILITIES,
      value: base.visibility,
    },
    {
      label: 'Private documents',
      name: 'per_user',
      type: 'checkbox',
      value: base.per_user,
      hint: 'Documents that users add are theirs alone.',
    },
    {
      label: 'Documents are cut',
      name: 'chunk_strategy',
      type: 'select',
      options: STRATEGIES,
      value: base.chunk_strategy,
    },
    {
      label: 'Size of a chunk',
      name: 'chunk_size',
      type: 'number',
      value: base.chunk_size,
      hint: 'In tokens; one is about four characters.',
      attributes: { min: 1 },
    },
    {
      label: 'Overlap of neighbours',
      name: 'chunk_overlap',
      type: 'number',
      value: base.chunk_overlap,
      hint: 'In tokens.',
      attributes: { min: 0 },
    },
    {
      label: 'Documents at most',
      name: 'quota_max_documents',
      type: 'number',
      value: base.quota_max_documents,
      hint: '0 is no limit.',
      attributes: { min: 0 },
    },
    {
      label: 'Chunks at most',
      name: 'quota_max_chunks',
      type: 'number',
      value: base.quota_max_chunks,
      hint: '0 is no limit.',
      attributes: { min: 0 },
    },
    {
      label: 'Megabytes at most',
      name: 'megabytes',
      type: 'number',
      value: base.quota_max_storage_bytes / MEGABYTE,
      hint: '0 is no limit.',
      attributes: { min: 0, step: 'any' },
    },
  ]
}

/** Only what differs is sent. @param {any} base @param {Record<string, any>} values */
function changed(base, { megabytes, ...values }) {
  const all = { ...values, quota_max_storage_bytes: Math.round((megabytes ?? 0) * MEGABYTE) }
  return Object.fromEntries(
    Object.entries(all).filter(([name, value]) => value !== null && value !== base[name]),
  )
}

/** Cutting documents anew takes a while, so it is asked for. @param {any} base @param {Record<string, any>} wanted */
function agreed(base, wanted) {
  if (!base.document_count || !RECUT.some((name) => name in wanted)) return true
  return confirmDialog({
    title: 'Cut all documents anew?',
    text: `${counted(base.document_count, 'document')} will be read and cut again. Until each is done, bots answer from its old chunks.`,
    action: 'Save and cut anew',
    harmless: true,
  })
}

/** @param {any} base @param {(path: string) => void} navigate */
async function end(base, navigate) {
  const loses = [
    counted(base.document_count, 'document'),
    counted(base.total_chunks, 'chunk'),
    `${bytes(base.total_bytes)} of files`,
    'the links of bots to it',
  ]
  if (
    !(await confirmDialog({
      title: `Delete “${base.name}”?`,
      text: 'This cannot be undone.',
      loses,
      type: base.name,
    }))
  )
    return
  try {
    await del(path(base))
    toast('The knowledge base was deleted.', 'good')
    navigate(pageUrl('knowledge'))
  } catch (error) {
    toast(error)
  }
}

/** @param {any} base */
const path = (base) => `knowledge-bases/${encodeURIComponent(base.id)}`
