// @ts-check
/** The knowledge bases: what bots look things up in. */
import { get, post } from '../api.js'
import { h } from '../dom.js'
import { icon } from '../icons.js'
import { listed, load, seconds } from '../load.js'
import { pageUrl } from '../route.js'
import { badge, dataTable, emptyState, formDialog, number, pageHead, when } from '../ui.js'

const LEAD =
  'Documents that bots look things up in. A bot answers from the knowledge bases that it is linked to.'

export const page = {
  path: 'knowledge',
  title: 'Knowledge',
  role: 'admin',
  /** @param {HTMLElement} root @param {any} context */
  async show(root, context) {
    const { params, navigate } = context
    if (params.length > 1) return (await import('./document.js')).show(root, context)
    if (params.length) return (await import('./knowledge_base.js')).show(root, context)
    const create = () => newBase(navigate)
    const list = h('div')
    root.replaceChildren(pageHead('Knowledge', { lead: LEAD, actions: [createButton(create)] }), list)
    await load(
      list,
      () => get('knowledge-bases'),
      (body) => table(listed(body), create),
    )
    return undefined
  },
}

/** @param {() => void} create */
function createButton(create) {
  return h(
    'button',
    { type: 'button', class: 'button primary', on: { click: create } },
    icon('plus'),
    'New knowledge base',
  )
}

/** @param {any[]} bases @param {() => void} create */
function table(bases, create) {
  const empty = emptyState({
    icon: 'knowledge',
    title: 'No knowledge base yet',
    text: 'Make one, add documents to it, and link it to a bot: then the bot answers from them and says where it read it.',
    action: createButton(create),
  })
  return dataTable({
    label: 'Knowledge bases',
    rows: bases,
    href: (base) => pageUrl('knowledge', base.id),
    empty,
    columns: [
      {
        key: 'name',
        label: 'Name',
        class: 'grow',
        render: (base) => [
          h('strong', { dir: 'auto' }, base.name),
          base.description && h('span', { class: 'faint below', dir: 'auto' }, base.description),
        ],
      },
      { key: 'namespace', label: 'Namespace', class: 'wide-only' },
      {
        key: 'document_count',
        label: 'Documents',
        numeric: true,
        render: (base) => number(base.document_count),
      },
      {
        key: 'total_chunks',
        label: 'Chunks',
        numeric: true,
        class: 'wide-only',
        render: (base) => number(base.total_chunks),
      },
      {
        key: 'embedding_model',
        label: 'Search',
        render: (base) => (base.embedding_model ? 'meaning and words' : 'words'),
      },
      {
        key: 'enabled',
        label: 'State',
        render: (base) => (base.enabled ? badge('on', 'good') : badge('off')),
      },
      { key: 'updated_at', label: 'Changed', render: (base) => when(seconds(base.updated_at)) },
    ],
  })
}

/** @param {(path: string) => void} navigate */
async function newBase(navigate) {
  const made = await formDialog({
    title: 'New knowledge base',
    submit: 'Create',
    fields: [
      { label: 'Name', name: 'name', required: true, attributes: { maxlength: 100, autocomplete: 'off' } },
      { label: 'Description', name: 'description', hint: 'For your team: what is in it.' },
      {
        label: 'Namespace',
        name: 'namespace',
        value: 'default',
        hint: 'Bots of the same namespace find it by its name.',
      },
      {
        label: 'Private documents',
        name: 'per_user',
        type: 'checkbox',
        hint: 'Documents that users add are theirs alone.',
      },
    ],
    action: ({ name, description, namespace, per_user }) =>
      post('knowledge-bases', { name, description, namespace: namespace || 'default', per_user }),
  })
  if (made) navigate(pageUrl('knowledge', made.id))
}
