// @ts-check
/** Small pieces of every page: its head, badges, notices, tabs, buttons. */
import { ApiError } from '../api.js'
import { fill, h } from '../dom.js'
import { icon } from '../icons.js'

/** @typedef {import('../dom.js').Child} Child */

const TOAST_MS = 6000
const TOASTS_MAX = 4

/**
 * The heading of a page, with a sentence below and its buttons at the end of the line.
 * @param {string} title @param {{lead?: Child, actions?: Child[], back?: {href: string, label: string}}} [more]
 */
export function pageHead(title, { lead, actions = [], back } = {}) {
  return h(
    'header',
    { class: 'page-head' },
    h(
      'div',
      { class: 'page-title' },
      back && h('a', { class: 'back', href: back.href }, icon('back'), back.label),
      h('h1', { tabindex: -1, dir: 'auto' }, title),
      lead && h('p', { class: 'lead' }, lead),
    ),
    actions.length > 0 && h('div', { class: 'actions' }, actions),
  )
}

/** A framed part of a page. @param {string | null} title @param {{actions?: Child[], class?: string}} more @param {...(Child | Child[])} children */
export function card(title, { actions = [], class: classes = '' }, ...children) {
  const head =
    (title || actions.length > 0) &&
    h('div', { class: 'card-head' }, title && h('h2', null, title), h('div', { class: 'actions' }, actions))
  return h('section', { class: `card ${classes}`, 'aria-label': title }, head, ...children)
}

/** What stands where nothing is yet: what it would be, and what to do next. @param {{title: string, text?: Child | Child[], action?: Child, icon?: string}} what */
export function emptyState({ title, text, action, icon: name }) {
  return h(
    'div',
    { class: 'empty' },
    name && icon(name),
    h('p', { class: 'empty-title' }, title),
    text && h('p', { class: 'faint' }, text),
    action,
  )
}

/** Grey lines in the place of what is on its way. @param {number} [lines] */
export function loading(lines = 3) {
  return h(
    'div',
    { class: 'skeleton', role: 'status' },
    h('span', { class: 'unseen' }, 'Loading…'),
    Array.from({ length: lines }, () => h('i')),
  )
}

/** A word in a coloured field. @param {Child} text @param {'' | 'good' | 'warn' | 'bad' | 'info'} [kind] */
export function badge(text, kind = '') {
  return h('span', { class: `badge ${kind}` }, text)
}

/** @param {unknown} error */
export function errorText(error) {
  if (error instanceof ApiError && error.retryAfter)
    return `${error.message.replace(/\.$/, '')}. Try again in ${Math.ceil(error.retryAfter)} s.`
  return error instanceof Error ? error.message : String(error)
}

/** A failure in a page: its text, and a button when it can be tried again. @param {unknown} error @param {() => void} [retry] */
export function problem(error, retry) {
  // What is not there, or not for this person, is the same the next time.
  const mayHelp = !(error instanceof ApiError && [403, 404].includes(error.status))
  return h(
    'div',
    { class: 'problem', role: 'alert' },
    icon('warning'),
    h('p', null, errorText(error)),
    retry &&
      mayHelp &&
      h('button', { type: 'button', class: 'button', on: { click: retry } }, 'Try again'),
  )
}

/** A short notice at the edge of the window, which goes by itself. @param {unknown} text  also an Error @param {'' | 'good' | 'bad'} [kind] */
export function toast(text, kind = text instanceof Error ? 'bad' : '') {
  const shelf = document.getElementById('toasts')
  if (!shelf) return
  const note = h(
    'div',
    { class: `toast ${kind}`, role: kind === 'bad' ? 'alert' : null },
    h('p', null, text instanceof Error ? errorText(text) : String(text)),
    h(
      'button',
      { type: 'button', class: 'plain', 'aria-label': 'Close', on: { click: () => note.remove() } },
      icon('close'),
    ),
  )
  shelf.append(note)
  while (shelf.childElementCount > TOASTS_MAX) shelf.firstElementChild?.remove()
  setTimeout(() => note.remove(), kind === 'bad' ? TOAST_MS * 2 : TOAST_MS)
}

/** A button that shows an icon only. @param {string} name @param {string} label @param {(event: MouseEvent) => void} click @param {string} [classes] */
export function iconButton(name, label, click, classes = 'plain') {
  return h(
    'button',
    { type: 'button', class: classes, 'aria-label': label, title: label, on: { click } },
    icon(name),
  )
}

/** A button that copies a text and says so. @param {string} text @param {string} [label] */
export function copyButton(text, label = 'Copy') {
  const words = h('span', null, label)
  const copy = async () => {
    const done = await toClipboard(text)
    fill(words, done ? 'Copied' : 'Cannot copy here')
    setTimeout(() => fill(words, label), 2000)
  }
  return h('button', { type: 'button', class: 'button', on: { click: copy } }, icon('copy'), words)
}

/** @param {string} text @returns {Promise<boolean>} */
async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copyOldWay(text)
  }
}

/** On a plain http address browsers keep the clipboard to themselves. @param {string} text */
function copyOldWay(text) {
  const box = h('textarea', { class: 'unseen', value: text, 'aria-hidden': 'true' })
  const before = document.activeElement
  document.body.append(box)
  box.select()
  const done = document.execCommand('copy')
  box.remove()
  if (before instanceof HTMLElement) before.focus()
  return done
}

/**
 * Keep a button from being pressed twice while its work runs; the work's failure is the caller's
 * (one that nobody catches is shown as a notice by the shell).
 * @template T @param {HTMLButtonElement} button @param {Promise<T>} work @returns {Promise<T>}
 */
export async function busy(button, work) {
  button.setAttribute('aria-busy', 'true')
  button.disabled = true
  const focused = document.activeElement === button
  try {
    return await work
  } finally {
    button.removeAttribute('aria-busy')
    button.disabled = false
    if (focused && document.activeElement === document.body) button.focus()
  }
}

/**
 * @typedef {object} Tab
 * @property {string} id
 * @property {string} label
 * @property {(panel: HTMLElement) => void | Promise<void>} show  fills the panel, when it is first opened
 */

/** @param {Tab[]} list @param {{active?: string, onChange?: (id: string) => void, label?: string}} [more] */
export function tabs(list, { active, onChange, label } = {}) {
  const made = list.map((tab) => {
    const panel = h('div', {
      role: 'tabpanel',
      id: `panel-${tab.id}`,
      'aria-labelledby': `tab-${tab.id}`,
      tabindex: 0,
      hidden: true,
    })
    const head = h(
      'button',
      {
        type: 'button',
        role: 'tab',
        id: `tab-${tab.id}`,
        'aria-controls': panel.id,
        on: { click: () => open(tab.id, true) },
      },
      tab.label,
    )
    return { tab, panel, head, shown: false }
  })
  /** @param {string} id @param {boolean} [tell] */
  async function open(id, tell = false) {
    for (const one of made) {
      const is = one.tab.id === id
      one.head.setAttribute('aria-selected', String(is))
      one.head.tabIndex = is ? 0 : -1
      one.panel.hidden = !is
    }
    if (tell) onChange?.(id)
    const one = made.find(({ tab }) => tab.id === id)
    if (!one || one.shown) return
    one.shown = true
    try {
      await one.tab.show(one.panel)
    } catch (error) {
      one.shown = false
      fill(
        one.panel,
        problem(error, () => open(id)),
      )
    }
  }
  /** @param {KeyboardEvent} event */
  function move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (!step) return
    const at = made.findIndex(({ head }) => head === document.activeElement)
    const next = made[(at + step + made.length) % made.length]
    next.head.focus()
    open(next.tab.id, true)
  }
  const first = list.some(({ id }) => id === active) ? active : list[0]?.id
  if (first) open(first)
  return h(
    'div',
    { class: 'tabs' },
    h(
      'div',
      { role: 'tablist', 'aria-label': label ?? 'Parts', on: { keydown: move } },
      made.map(({ head }) => head),
    ),
    made.map(({ panel }) => panel),
  )
}
