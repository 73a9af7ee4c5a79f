// @ts-check
/** Questions that nobody's documents answered, grouped; and the form that answers one for good. */
import { get, patch, post } from '../api.js'
import { h } from '../dom.js'
import { icon } from '../icons.js'
import { counted, listed, load, seconds } from '../load.js'
import {
  badge,
  card,
  confirmDialog,
  emptyState,
  formDialog,
  number,
  pageHead,
  pager,
  toast,
  when,
} from '../ui.js'

const LEAD =
  'What people asked and the documents did not answer, the most often asked first. Write the answer once, and the bot knows it.'
const PAGE = 50
const STATES = [
  ['open', 'Open'],
  ['answered', 'Answered'],
  ['dismissed', 'Dismissed'],
]
const EMPTY = {
  open: [
    'No open questions',
    'Every question was answered from the documents, or nobody asked yet. New ones appear here by themselves.',
  ],
  answered: ['Nothing answered yet', 'Questions that you write an answer to are kept here.'],
  dismissed: ['Nothing dismissed', 'Questions that need no answer are kept here.'],
}

export const page = {
  path: 'gaps',
  title: 'Gaps',
  role: 'operator',
  /** @param {HTMLElement} root @param {any} context */
  async show(root, { query, setQuery, account }) {
    const gaps = new Gaps(query.status ?? 'open', setQuery, account)
    root.replaceChildren(pageHead('Gaps', { lead: LEAD }), gaps.node)
    await gaps.read()
  },
}

class Gaps {
  /** @param {string} status @param {(query: any) => void} setQuery @param {any} account */
  constructor(status, setQuery, account) {
    this.account = account
    this.status = STATES.some(([id]) => id === status) ? status : 'open'
    this.choice = h(
      'select',
      { name: 'status', value: this.status, on: { change: () => this.#choose(setQuery) } },
      STATES.map(([value, label]) => h('option', { value }, label)),
    )
    this.list = h('div', { class: 'stack' })
    this.node = h(
      'div',
      { class: 'stack' },
      h('div', { class: 'filters' }, h('label', { class: 'field' }, h('span', null, 'Show'), this.choice)),
      this.list,
    )
  }

  /** @param {(query: any) => void} setQuery */
  #choose(setQuery) {
    this.status = this.choice.value
    setQuery({ status: this.status === 'open' ? null : this.status })
    this.read()
  }

  async read() {
    await load(
      this.list,
      () => this.#page(),
      (body) => this.#show(body),
    )
  }

  /** @param {string | null} [after] */
  #page(after) {
    return get('gaps', { status: this.status, limit: PAGE, after })
  }

  /** @param {any} body */
  #show(body) {
    const items = listed(body)
    const [title, text] = EMPTY[/** @type {'open'} */ (this.status)]
    if (!items.length) return emptyState({ icon: 'gaps', title, text })
    return [...items.map((gap) => this.#card(gap)), this.#pager(items.length, body)]
  }

  /** @param {number} shown @param {any} body */
  #pager(shown, { total, next }) {
    const { status } = this
    const box = pager({
      shown,
      total,
      next,
      onMore: async () => {
        const body = await this.#page(next)
        if (this.status !== status || !box.isConnected) return
        const known = new Set([...this.list.children].map((one) => one.getAttribute('data-gap')))
        const cards = listed(body)
          .filter(({ id }) => !known.has(id))
          .map((gap) => this.#card(gap))
        box.replaceWith(...cards, this.#pager(shown + cards.length, body))
        cards[0]?.querySelector('button')?.focus({ preventScroll: true })
      },
    })
    return box
  }

  /** @param {any} gap */
  #card(gap) {
    const others = (gap.examples ?? []).filter((/** @type {string} */ one) => one !== gap.question)
    const answer = h(
      'button',
      { type: 'button', class: 'button primary', on: { click: () => this.#answer(gap) } },
      icon('edit'),
      'Write the answer',
    )
    const dismiss = h(
      'button',
      { type: 'button', class: 'button', on: { click: () => this.#move(gap, 'dismissed') } },
      'Dismiss',
    )
    const reopen = h(
      'button',
      { type: 'button', class: 'button', on: { click: () => this.#move(gap, 'open') } },
      'Open again',
    )
    const facts = [
      badge(`asked ${counted(gap.count, 'time')}`, gap.count > 2 ? 'warn' : ''),
      h('bdi', null, gap.bot_title),
      h('span', null, 'last ', when(seconds(gap.last_at))),
    ]
    const made = card(
      null,
      { class: 'gap' },
      h('h2', { dir: 'auto' }, gap.question),
      h('p', { class: 'row faint' }, facts),
      others.length > 0 &&
        h(
          'details',
          null,
          h('summary', null, `In other words: ${number(others.length)}`),
          h(
            'ul',
            null,
            others.map((/** @type {string} */ one) => h('li', { dir: 'auto' }, one)),
          ),
        ),
      h(
        'div',
        { class: 'row' },
        this.status === 'open' ? [answer, dismiss] : [reopen, this.status === 'dismissed' && answer],
      ),
    )
    made.setAttribute('data-gap', gap.id)
    return made
  }

  /** @param {any} gap */
  async #answer(gap) {
    const bases = await this.#bases()
    const done = await formDialog({
      title: 'Write the answer',
      wide: true,
      submit: 'Save the answer',
      text: h('span', { dir: 'auto' }, gap.question),
      fields: [
        {
          label: 'Title of the document',
          name: 'title',
          value: gap.question,
          attributes: { maxlength: 200 },
        },
        {
          label: 'Answer',
          name: 'content',
          type: 'textarea',
          required: true,
          attributes: { rows: 9, autofocus: true },
          hint: 'It becomes a document. Write what is true and what people need to do.',
        },
        ...(bases.length
          ? [
              {
                label: 'Knowledge base',
                name: 'knowledge_base',
                type: /** @type {const} */ ('select'),
                options: [{ value: '', label: 'The bot’s own' }, ...bases],
              },
            ]
          : []),
        {
          label: 'Also add a test',
          name: 'add_test',
          type: 'checkbox',
          value: true,
          hint: 'The bot’s tests then ask this question and look for this document.',
        },
      ],
      action: ({ title, content, knowledge_base, add_test }) =>
        post(`gaps/${encodeURIComponent(gap.id)}/answer`, {
          title,
          content,
          knowledge_base: knowledge_base || null,
          add_test,
        }),
    })
    if (!done) return
    toast(
      done.test_id
        ? 'The answer is a document now, and a test asks for it.'
        : 'The answer is a document now.',
      'good',
    )
    await this.read()
  }

  /** An operator may not look into the knowledge bases: the bot's own is taken then. */
  async #bases() {
    if (this.account.role !== 'admin') return []
    const bases = listed(await get('knowledge-bases').catch(() => []))
    return bases.map((base) => ({ value: base.id, label: base.name }))
  }

  /** @param {any} gap @param {'open' | 'dismissed'} status */
  async #move(gap, status) {
    if (
      status === 'dismissed' &&
      !(await confirmDialog({
        title: 'Dismiss this question?',
        text: 'It is counted no more. You can open it again.',
        action: 'Dismiss',
        harmless: true,
      }))
    )
      return
    try {
      await patch(`gaps/${encodeURIComponent(gap.id)}`, { status })
      toast(status === 'open' ? 'The question is open again.' : 'The question was dismissed.', 'good')
    } catch (error) {
      toast(error)
    }
    await this.read()
  }
}
