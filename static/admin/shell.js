// @ts-check
/** The frame around every page: navigation, theme, who is signed in, and what waits. */
import { live, post } from './api.js'
import { fill, h } from './dom.js'
import { forgetDrafts } from './drafts.js'
import { icon } from './icons.js'
import { helpDialog } from './keyboard.js'
import { entriesFor } from './pages.js'
import { pageUrl } from './route.js'
import { iconButton, toast } from './ui.js'

const THEMES = /** @type {const} */ (['auto', 'light', 'dark'])
const THEME_KEY = 'appliance.console.theme'
const THEME_ICONS = { auto: 'auto', light: 'sun', dark: 'moon' }
/** So long a lost stream is not worth a word: it mostly is back by then. */
const LOST_MS = 3000

export class Shell {
  /** @param {any} session @param {(session: any) => void} enter @param {() => void} onLost  the news broke off */
  constructor(session, enter, onLost) {
    this.session = session
    this.enter = enter
    this.onLost = onLost
    this.heading = ''
    this.waiting = -1
    this.main = h('main', { id: 'main', class: 'main' })
    this.notice = h('p', { class: 'lost', role: 'status', hidden: true })
    this.nav = h('nav', { 'aria-label': 'Pages', id: 'nav' }, this.#links())
    this.drawer = h('aside', { class: 'side', id: 'side' }, this.#brand(), this.nav, this.#foot())
    this.menu = h(
      'button',
      {
        type: 'button',
        class: 'plain menu',
        'aria-label': 'Menu',
        'aria-expanded': 'false',
        'aria-controls': 'side',
        on: { click: () => this.toggle() },
      },
      icon('menu'),
      h('span', { class: 'dot', hidden: true }),
    )
    this.place = h('span', { class: 'bar-title', 'aria-hidden': 'true' })
    this.veil = h('div', { class: 'veil', on: { click: () => this.toggle(false) } })
    this.body = h('div', { class: 'body' }, this.notice, this.main)
    this.node = h(
      'div',
      { class: 'shell' },
      h(
        'a',
        { class: 'skip', href: '#main', on: { click: (/** @type {Event} */ event) => this.#skip(event) } },
        'Skip to the page',
      ),
      h('div', { class: 'bar' }, this.menu, this.place),
      this.drawer,
      this.veil,
      this.body,
    )
    this.node.addEventListener(
      'keydown',
      (/** @type {KeyboardEvent} */ event) => event.key === 'Escape' && this.toggle(false),
    )
    this.stop = live((event) => this.#happened(event))
  }

  end() {
    this.stop()
    clearTimeout(this.losing)
    this.node.remove()
  }

  /** An empty place for a page of this name. @param {string} name @returns {HTMLElement} */
  stage(name) {
    for (const link of this.nav.querySelectorAll('a'))
      link.toggleAttribute('aria-current', link.dataset.page === name)
    for (const link of this.nav.querySelectorAll('[aria-current]')) link.setAttribute('aria-current', 'page')
    this.toggle(false)
    const root = h('div', { class: `page page-${name}`, 'aria-busy': 'true' })
    fill(this.main, root)
    scrollTo(0, 0)
    return root
  }

  /** @param {string} heading  of the page that is shown */
  named(heading) {
    this.heading = heading
    fill(this.place, heading)
    this.#retitle()
  }

  /** Open or close the drawer of a narrow screen. @param {boolean} [open] */
  toggle(open = !this.node.classList.contains('open')) {
    const was = this.node.classList.contains('open')
    if (was === open) return
    this.node.classList.toggle('open', open)
    this.menu.setAttribute('aria-expanded', String(open))
    this.body.inert = open
    if (open) this.nav.querySelector('a')?.focus()
    else if (this.drawer.contains(document.activeElement)) this.menu.focus()
  }

  #links() {
    const entries = entriesFor(this.session.account)
    return [...new Set(entries.map(({ group }) => group))].map((group) =>
      h(
        'div',
        { class: 'nav-group' },
        h('p', { class: 'nav-title', id: `group-${group}` }, group),
        h(
          'ul',
          { 'aria-labelledby': `group-${group}` },
          entries
            .filter((entry) => entry.group === group)
            .map((entry) =>
              h(
                'li',
                null,
                h(
                  'a',
                  { href: pageUrl(entry.path), data: { page: entry.path }, title: `g then ${entry.key}` },
                  icon(entry.path),
                  h('span', null, entry.title),
                ),
              ),
            ),
        ),
      ),
    )
  }

  #brand() {
    return h(
      'a',
      { class: 'brand', href: pageUrl('overview') },
      h('img', { src: new URL('./icon.svg', import.meta.url).href, alt: '', width: 26, height: 26 }),
      h('span', { dir: 'auto' }, this.session.title || 'Console'),
    )
  }

  #foot() {
    const { account } = this.session
    this.theme = iconButton('auto', 'Theme', () => this.#nextTheme())
    this.#showTheme()
    return h(
      'div',
      { class: 'side-foot' },
      h(
        'a',
        { class: 'me', href: pageUrl('account'), title: 'Your account' },
        icon('account'),
        h(
          'span',
          null,
          h('bdi', null, account.display_name || account.name),
          h('small', null, account.role === 'admin' ? 'Administrator' : 'Operator'),
        ),
      ),
      h(
        'div',
        { class: 'side-tools' },
        this.theme,
        iconButton('keyboard', 'Keyboard shortcuts', () => helpDialog(account)),
        iconButton('out', 'Sign out', () => this.#signOut()),
      ),
    )
  }

  async #signOut() {
    await post('logout')
    forgetDrafts()
    this.enter({ ...this.session, state: 'login', account: null })
  }

  /** @param {Event} event */
  #skip(event) {
    event.preventDefault()
    this.main.querySelector('h1')?.focus()
  }

  // -- theme -------------------------------------------------------------------------------------------

  #nextTheme() {
    const next = THEMES[(THEMES.indexOf(this.#themeNow()) + 1) % THEMES.length]
    if (next === 'auto') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = next
    try {
      localStorage.setItem(THEME_KEY, next)
    } catch {
      // no storage: the choice holds as long as the page
    }
    this.#showTheme()
  }

  /** @returns {typeof THEMES[number]} */
  #themeNow() {
    const { theme } = document.documentElement.dataset
    return theme === 'light' || theme === 'dark' ? theme : 'auto'
  }

  #showTheme() {
    const now = this.#themeNow()
    const label = `Theme: ${now === 'auto' ? 'as the system' : now}`
    fill(this.theme, icon(THEME_ICONS[now]))
    this.theme.setAttribute('aria-label', label)
    this.theme.title = label
  }

  // -- what happens now ----------------------------------------------------------------------------------

  /** @param {import('./live.js').LiveEvent} event */
  #happened({ type, data }) {
    if (type === 'counts') this.#count(data)
    if (type === 'lost' && this.losing === undefined) this.losing = setTimeout(() => this.#lost(), LOST_MS)
    if (type !== 'connected') return
    clearTimeout(this.losing)
    this.losing = undefined
    this.notice.hidden = true
  }

  #lost() {
    this.onLost()
    fill(
      this.notice,
      icon('warning'),
      'The connection to the appliance is lost. What you see may be old; trying again…',
    )
    this.notice.hidden = false
  }

  /** @param {{waiting: number, joined: number, live: number, running: number}} counts */
  #count({ waiting, live: open }) {
    if (waiting > this.waiting && this.waiting >= 0)
      toast(waiting === 1 ? 'Somebody waits for a person.' : `${waiting} people wait for a person.`)
    this.waiting = waiting
    this.#mark('conversations', waiting, `${waiting} waiting`, 'warn')
    this.#mark('live', open, `${open} live`, '')
    this.menu.querySelector('.dot').hidden = !waiting
    this.#retitle()
  }

  /** A small figure beside a link. @param {string} page @param {number} count @param {string} label @param {string} kind */
  #mark(page, count, label, kind) {
    const link = this.nav.querySelector(`[data-page="${page}"]`)
    link?.querySelector('.count')?.remove()
    if (count)
      link?.append(
        h(
          'span',
          { class: `count ${kind}` },
          h('span', { 'aria-hidden': 'true' }, count),
          h('span', { class: 'unseen' }, label),
        ),
      )
  }

  #retitle() {
    const title = this.heading
      ? `${this.heading} · ${this.session.title || 'Console'}`
      : document.title.replace(/^\(\d+\) /, '')
    document.title = this.waiting > 0 ? `(${this.waiting}) ${title}` : title
  }
}
