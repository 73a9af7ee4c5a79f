// @ts-check
/** The people who chat: found by name, with what is kept of them, tokens, and their erasure. */
import { del, get, post } from '../api.js'
import { fill, h } from '../dom.js'
import { counted, facts, listed, load, seconds } from '../load.js'
import { pageUrl } from '../route.js'
import { showOnce } from '../shown_once.js'
import {
  card,
  confirmDialog,
  dataTable,
  emptyState,
  formDialog,
  number,
  openDialog,
  pageHead,
  pager,
  toast,
  when,
} from '../ui.js'

const LEAD =
  'People who chatted while they were signed in to your site. Visitors without a name are not listed.'
const TYPING_MS = 250
const LIFETIMES = [
  { value: '3600', label: '1 hour' },
  { value: '86400', label: '1 day' },
  { value: '604800', label: '7 days' },
  { value: '2592000', label: '30 days' },
]
const COUNTED = {
  conversations: 'conversation',
  messages: 'message',
  documents: 'document',
  files: 'file',
  bases: 'knowledge base',
  knowledge_bases: 'knowledge base',
}

export const page = {
  path: 'users',
  title: 'Users',
  role: 'admin',
  /** @param {HTMLElement} root @param {any} context */
  async show(root, { params, query, setQuery, navigate }) {
    if (params.length) return one(root, params[0], navigate)
    const users = new Users(query.q ?? '', setQuery)
    root.replaceChildren(pageHead('Users', { lead: LEAD }), users.node)
    await users.read()
  },
}

class Users {
  /** @param {string} q @param {(query: any) => void} setQuery */
  constructor(q, setQuery) {
    this.setQuery = setQuery
    this.search = h('input', {
      type: 'search',
      name: 'q',
      value: q,
      'aria-label': 'Search users',
      placeholder: 'Name or id',
      on: { input: () => this.#typed() },
    })
    this.list = h('div', { class: 'stack' })
    this.node = h(
      'div',
      { class: 'stack' },
      h('div', { class: 'filters' }, h('div', { class: 'search' }, this.search)),
      this.list,
    )
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined
    this.turn = 0
    /** @type {any[]} */
    this.rows = []
  }

  #typed() {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      this.setQuery({ q: this.search.value })
      this.read()
    }, TYPING_MS)
  }

  async read() {
    const turn = ++this.turn
    const q = this.search.value.trim()
    const box = h('div', { class: 'stack' })
    if (!this.list.childElementCount) fill(this.list, box)
    await load(
      box,
      () => get('users', { q }),
      (body) => this.#show(q, body),
    )
    if (turn === this.turn && !box.isConnected) fill(this.list, box)
  }

  /** @param {string} q @param {any} body @param {any[]} [before] */
  #show(q, body, before = []) {
    const rows = [...before, ...listed(body)]
    const more = async () => {
      const next = await get('users', { q, after: body.next }).catch(toast)
      if (next) fill(this.list, this.#show(q, next, rows))
    }
    return [
      this.#table(q, rows),
      rows.length > 0 && pager({ shown: rows.length, total: body.total, next: body.next, onMore: more }),
    ]
  }

  /** @param {string} q @param {any[]} rows */
  #table(q, rows) {
    const empty = q
      ? emptyState({
          icon: 'users',
          title: `Nobody is called “${q}”`,
          text: 'Search for another part of the name or id.',
        })
      : emptyState({
          icon: 'users',
          title: 'No users yet',
          text: 'They appear when your site signs them in: with a token, or with the widget’s signed identity.',
        })
    return dataTable({
      label: 'Users',
      rows,
      href: (user) => pageUrl('users', user.id),
      empty,
      columns: [
        {
          key: 'name',
          label: 'User',
          class: 'grow',
          render: (user) => [
            h('span', { dir: 'auto' }, user.name || user.id),
            user.name && h('code', { class: 'below faint' }, user.id),
          ],
        },
        { key: 'tenant', label: 'Tenant', class: 'wide-only' },
        { key: 'conversations', label: 'Conversations', numeric: true },
        { key: 'documents', label: 'Documents', numeric: true },
        {
          key: 'created_at',
          label: 'First seen',
          class: 'wide-only',
          render: (user) => when(seconds(user.created_at)),
        },
        { key: 'seen_at', label: 'Last seen', render: (user) => when(seconds(user.seen_at)) },
      ],
    })
  }
}

/** @param {HTMLElement} root @param {string} id @param {(path: string) => void} navigate */
async function one(root, id, navigate) {
  const path = `users/${encodeURIComponent(id)}`
  const back = { href: pageUrl('users'), label: 'Users' }
  const box = h('div', { class: 'stack' })
  fill(root, pageHead(id, { back }), box)
  await load(
    box,
    () => get(path),
    (user) => {
      const token = h(
        'button',
        { type: 'button', class: 'button', on: { click: () => issue(user, path) } },
        'Issue a token',
      )
      const erase = h(
        'button',
        { type: 'button', class: 'button danger', on: { click: () => remove(user, path, navigate) } },
        'Erase everything',
      )
      root.firstElementChild?.replaceWith(pageHead(user.name || user.id, { back, actions: [token] }))
      return [
        card(
          null,
          {},
          facts([
            ['Id', h('code', null, user.id)],
            ['Tenant', user.tenant],
            ['First seen', when(seconds(user.created_at))],
            ['Last seen', when(seconds(user.seen_at))],
            ...figures(user),
          ]),
        ),
        card(
          'Conversations',
          {},
          h(
            'a',
            { class: 'button', href: pageUrl('conversations', { person: user.id }) },
            `Show ${counted(user.conversations ?? 0, 'conversation')}`,
          ),
        ),
        card(
          'Erase',
          {},
          h(
            'p',
            null,
            'When a person asks for it: all that is kept of them goes, at once and for good. Backups keep it until they are deleted.',
          ),
          erase,
        ),
      ]
    },
  )
}

/** Whatever else is counted of a user. @param {any} user @returns {[string, any][]} */
function figures(user) {
  const names = Object.keys(user).filter((name) => typeof user[name] === 'number' && !name.endsWith('_at'))
  return names.map((name) => [
    name.replaceAll('_', ' ').replace(/^./, (letter) => letter.toUpperCase()),
    number(user[name]),
  ])
}

/** @param {any} user @param {string} path */
async function issue(user, path) {
  const made = await formDialog({
    title: 'Issue a token',
    text: `Whoever has the token is ${user.name || user.id} for the bots until it ends. It is written to the audit log.`,
    submit: 'Issue',
    fields: [{ label: 'Good for', name: 'lifetime', type: 'select', options: LIFETIMES }],
    action: ({ lifetime }) => post(`${path}/token`, { lifetime_s: Number(lifetime) }),
  })
  if (made)
    await showOnce({ title: 'The token', text: 'Copy it now: it is not shown again.', secret: made.token })
}

/** @param {any} user @param {string} path @param {(path: string) => void} navigate */
async function remove(user, path, navigate) {
  const loses = Object.entries(COUNTED)
    .filter(([name]) => user[name] > 0)
    .map(([name, word]) => counted(user[name], word))
  const more = 'their account here, feedback and remembered values'
  if (
    !(await confirmDialog({
      title: `Erase ${user.name || user.id}?`,
      text: 'This cannot be undone.',
      loses: [...loses, more],
      action: 'Erase everything',
      type: user.id,
    }))
  )
    return
  try {
    const gone = await del(path)
    const told = Object.entries(gone ?? {}).filter(([, count]) => typeof count === 'number' && count > 0)
    await openDialog({
      title: 'Everything was erased',
      content: (close) => [
        told.length
          ? h(
              'ul',
              null,
              told.map(([name, count]) =>
                h('li', null, `${name.replaceAll('_', ' ')}: ${number(/** @type {number} */ (count))}`),
              ),
            )
          : h('p', null, 'There was nothing but the name.'),
        h(
          'div',
          { class: 'dialog-foot' },
          h('button', { type: 'button', class: 'button primary', on: { click: () => close() } }, 'Done'),
        ),
      ],
    })
    navigate(pageUrl('users'))
  } catch (error) {
    toast(error)
  }
}
