// @ts-check
/** The console: who is signed in, which page is shown, and what happens between pages. */
import { ApiError, get, onSignedOut } from './api.js'
import { fill, h } from './dom.js'
import { listenToKeys } from './keyboard.js'
import { ENTRIES, entriesFor, OTHERS } from './pages.js'
import { pageUrl, placeOf } from './route.js'
import { Shell } from './shell.js'
import { signInAgain } from './sign_in.js'
import { closeDialogs, emptyState, problem, toast } from './ui.js'

/** @typedef {import('./route.js').Query} Query */

const FIRST = 'overview'
const app = /** @type {HTMLElement} */ (document.getElementById('app'))

class Console {
  constructor() {
    /** What `GET /session` told. @type {any} */
    this.session = null
    /** @type {Shell | null} */
    this.shell = null
    /** Ends what the page that is shown has begun. */
    this.leave = () => {}
    /** Counts pages, so that a late one is not shown over its successor. */
    this.turn = 0
    /** Whether somebody is asked to sign in again over the page that is shown. */
    this.asking = false
  }

  async start() {
    listenToKeys(
      (...parts) => this.navigate(...parts),
      () => this.session?.account,
    )
    onSignedOut(() => void this.#askAgain())
    addEventListener('popstate', () => this.show())
    addEventListener('hashchange', () => location.hash.startsWith('#setup=') && this.show())
    document.addEventListener('click', (event) => this.#followed(event))
    addEventListener('unhandledrejection', (event) => {
      const { reason } = event
      if (reason?.name === 'AbortError') event.preventDefault() // its page was left: nobody waits for it
      else toast(reason instanceof Error ? reason : new Error(String(reason)), 'bad')
    })
    await this.#refresh()
  }

  /** Ask anew who is signed in, and show what that one may see. */
  async #refresh() {
    try {
      await this.enter(await get('session'))
    } catch (error) {
      fill(
        app,
        h(
          'main',
          { class: 'gate' },
          problem(error, () => this.#refresh()),
        ),
      )
    }
  }

  /** The session ended under the page that is shown: it stays as it is, when the same person signs in again. */
  async #askAgain() {
    if (this.session?.state !== 'in' || this.asking) return
    this.asking = true
    try {
      const { name } = this.session.account
      const now = await get('session')
      const again = now.state === 'login' ? await signInAgain(now, name) : now
      if (again?.account?.name === name) this.#goOn(again)
      else await this.enter(again ?? now)
    } catch (error) {
      toast(error)
    } finally {
      this.asking = false
    }
  }

  /** The stream of news broke off: maybe as nobody is signed in any more. */
  async #look() {
    const now = await get('session').catch(() => null)
    if (now?.state === 'login') await this.#askAgain()
  }

  /** @param {any} session  of the same person */
  #goOn(session) {
    this.session = session
    if ([...document.querySelectorAll('main .problem')].some((one) => !one.closest('form'))) this.show()
  }

  /** @param {any} session */
  async enter(session) {
    const before = this.session
    this.session = session
    if (session.state !== 'in' || before?.account?.name !== session.account?.name) {
      this.shell?.end()
      this.shell = null
    }
    await this.show()
  }

  /** @param {...(string | Query)} parts */
  navigate(...parts) {
    const [first] = parts
    const whole = parts.length === 1 && typeof first === 'string' && /^(\/|https?:|\?)/.test(first)
    const url = new URL(whole ? first : pageUrl(...parts), location.href)
    if (!placeOf(url)) return location.assign(url)
    if (url.href !== location.href) history.pushState(null, '', url)
    this.show()
  }

  /** Links inside the console change the page without a load. @param {MouseEvent} event */
  #followed(event) {
    const link = /** @type {Element} */ (event.target).closest?.('a[href]')
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey
    if (
      !(link instanceof HTMLAnchorElement) ||
      !plain ||
      event.defaultPrevented ||
      link.target ||
      link.hasAttribute('download')
    )
      return
    const url = new URL(link.href)
    if (!placeOf(url) || link.getAttribute('href')?.startsWith('#')) return
    event.preventDefault()
    this.navigate(url.href)
  }

  /** Show the page of the address, or the way in. */
  async show() {
    const turn = ++this.turn
    this.leave()
    closeDialogs()
    const gone = new AbortController()
    let cleanup = () => {}
    this.leave = () => {
      gone.abort()
      cleanup()
      this.leave = () => {}
    }
    const place = placeOf(new URL(location.href)) ?? { path: '', params: [], query: {} }
    const name = this.#gate() ?? (place.path || FIRST)
    const root = this.#stage(name)
    try {
      const page = await this.#load(name)
      if (turn !== this.turn) return
      if (!page) return this.#missing(root, name)
      document.title = `${page.title} · ${this.session.title || 'Console'}`
      const context = {
        ...place,
        account: this.session.account,
        session: this.session,
        signal: gone.signal,
        ...this.#ways(),
      }
      const done = await page.show(root, context)
      if (typeof done === 'function') turn === this.turn ? (cleanup = done) : done()
    } catch (error) {
      if (turn === this.turn && !gone.signal.aborted)
        fill(
          root,
          h('h1', { tabindex: -1 }, this.#titleOf(name)),
          problem(error, () => this.show()),
        )
    }
    if (turn === this.turn) this.#shown(root)
  }

  /** What a page gets to move on. */
  #ways() {
    return {
      navigate: (/** @type {(string | Query)[]} */ ...parts) => this.navigate(...parts),
      setQuery: (/** @type {Query} */ query) => {
        const place = placeOf(new URL(location.href))
        if (place) history.replaceState(null, '', pageUrl(place.path, ...place.params, query))
      },
      enter: (/** @type {any} */ session) => this.enter(session),
    }
  }

  /** The page in front of all others, while nobody is signed in. */
  #gate() {
    if (location.hash.startsWith('#setup=')) return 'setup'
    if (this.session.state === 'setup') return 'setup'
    return this.session.state === 'login' ? 'login' : null
  }

  /** @param {string} name @returns {HTMLElement} where the page goes */
  #stage(name) {
    if (name in OTHERS && name !== 'account') {
      this.shell?.end()
      this.shell = null
      const root = h('main', { class: 'gate', id: 'main' })
      fill(app, root)
      return root
    }
    if (!this.shell) {
      this.shell = new Shell(this.session, (session) => this.enter(session), () => void this.#look())
      fill(app, this.shell.node)
    }
    return this.shell.stage(name)
  }

  /** @param {string} name */
  async #load(name) {
    const entry = ENTRIES.find(({ path }) => path === name)
    const load = entry?.load ?? (Object.hasOwn(OTHERS, name) ? OTHERS[name] : null)
    if (!load) return null
    if (entry && !entriesFor(this.session.account).includes(entry))
      throw new ApiError(403, 'FORBIDDEN', 'This page is for administrators.')
    return (await load()).page
  }

  /** @param {string} name */
  #titleOf(name) {
    return ENTRIES.find(({ path }) => path === name)?.title ?? 'Console'
  }

  /** @param {HTMLElement} root @param {string} name */
  #missing(root, name) {
    fill(
      root,
      h('h1', { tabindex: -1 }, 'No such page'),
      emptyState({
        title: `There is no page “${name}”.`,
        action: h('a', { class: 'button', href: pageUrl(FIRST) }, 'Go to the overview'),
      }),
    )
    this.#shown(root)
  }

  /** A page is there: its name goes into the window's title, the focus to its heading. @param {HTMLElement} root */
  #shown(root) {
    root.removeAttribute('aria-busy')
    const heading = root.querySelector('h1')
    if (!root.contains(document.activeElement) && !document.querySelector('dialog[open]'))
      heading?.focus({ preventScroll: true })
    this.shell?.named(heading?.textContent ?? '')
  }
}

new Console().start()
