// @ts-check
/** `<appliance-chat>`: the button that opens the chat, and what a page can ask of it. */
import { Memory } from './memory.js'
import { button, drawn, element, picture } from './nodes.js'
import { Panel } from './panel.js'
import { rules } from './rules.js'
import { choose, speak } from './strings.js'

export * from './nodes.js' // the bundle's other file takes them from here

/** @typedef {{id?: string, hash?: string, name?: string, email?: string, jwt?: string, token?: string}} Identity */

const HERE = new URL('../../', import.meta.url).href
const BUBBLE = 'M5 4h14a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-7l-5 4v-4H5a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2z'

export class ChatElement extends HTMLElement {
  static observedAttributes = ['theme', 'position', 'colour', 'open']

  root = this.attachShadow({ mode: 'open' })
  frame = element('div', 'frame')
  /** Once it was opened. @type {Panel | undefined} */
  panel
  server = HERE
  locale = 'en'
  /** @type {import('./strings.js').Translate} */
  t = (key) => key
  memory = new Memory('appliance')
  tab = new Memory('appliance', 'sessionStorage')
  badge = element('span', 'badge-count')
  launcher = button('launcher', '', () => this.toggle())
  isOpen = false
  isDressed = false
  unread = 0
  /** What the server tells of the bot. @type {Record<string, any>} */
  info = {}
  /** @type {Identity | null} */
  identity = null
  /** Settled when the words and the bot's settings are there. @type {Promise<void> | undefined} */
  ready

  constructor() {
    super()
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(rules)
    this.root.adoptedStyleSheets.push(sheet)
    this.root.append(this.frame)
  }

  connectedCallback() {
    this.panel?.talk?.attach()
    this.ready ??= this.#start()
  }

  /** Moved or put back soon it goes on; taken off for good it hangs up, and is there again when it is put back. */
  disconnectedCallback() {
    setTimeout(() => this.isConnected || this.panel?.talk?.detach(), 1000)
  }

  /** @param {string} name @param {string | null} before @param {string | null} now */
  attributeChangedCallback(name, before, now) {
    if (before === now || !this.isDressed) return
    if (name !== 'open') this.#dress()
    else if (now === null) this.close()
    else this.open()
  }

  // -- what a page can ask ---------------------------------------------------------------------------

  /** @param {boolean} [focus]  the text field takes the focus */
  async open(focus = true) {
    const panel = await this.load()
    if (this.isOpen) return focus && panel.focus()
    this.isOpen = true
    this.unread = 0
    this.tab.set(`open:${this.bot}`, true)
    this.#show()
    if (focus) panel.focus()
    this.emit('open')
  }

  close() {
    if (!this.isOpen || this.mode) return
    const hadFocus = this.root.activeElement !== null
    this.isOpen = false
    this.tab.set(`open:${this.bot}`, null)
    this.#show()
    if (hadFocus) this.launcher.focus()
    this.emit('close')
  }

  toggle() {
    return this.isOpen ? this.close() : this.open()
  }

  /** Open the chat and ask. @param {string} text @returns {Promise<boolean>} false when it could not be sent */
  async send(text) {
    const panel = await this.load()
    await this.open(false)
    return panel.ask(String(text))
  }

  async newChat() {
    const panel = await this.load()
    panel.restart()
  }

  /** Who the visitor is, as the page's own server has signed it; null: a stranger again. @param {Identity | null} identity */
  async identify(identity) {
    if (JSON.stringify(identity) === JSON.stringify(this.identity)) return
    this.identity = identity
    await this.panel?.identityChanged()
  }

  /** @param {string} type @param {(detail: any) => void} act @returns {() => void} takes `act` off again */
  on(type, act) {
    const heard = (/** @type {any} */ event) => act(event.detail)
    this.addEventListener(`appliance:${type}`, heard)
    return () => this.removeEventListener(`appliance:${type}`, heard)
  }

  destroy() {
    this.remove()
    this.panel?.talk?.detach()
  }

  // -- for the parts ---------------------------------------------------------------------------------

  /** The id of the conversation that this tab had last, else any tab. @returns {string | null} */
  get lastChat() {
    return this.tab.get(`chat:${this.bot}`) ?? this.memory.get(`chat:${this.bot}`)
  }

  get bot() {
    return this.getAttribute('bot') ?? ''
  }

  // React and Vue set what an element has as a property, once it is known, and leave its attribute out.
  set bot(name) {
    this.setAttribute('bot', name)
  }

  /** '' floats over the page, `inline` fills its place in it, `page` is all of it. */
  get mode() {
    return this.getAttribute('mode') ?? ''
  }

  set mode(mode) {
    this.setAttribute('mode', mode)
  }

  get heading() {
    return this.getAttribute('heading') || this.info.title || this.bot
  }

  set heading(text) {
    this.setAttribute('heading', text)
  }

  /** @param {string} type @param {any} [detail] */
  emit(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(`appliance:${type}`, { detail, bubbles: true, composed: true }))
  }

  /** Something to read came while the chat was closed. */
  missed() {
    if (this.isOpen) return
    this.unread += 1
    this.#show()
  }

  /** @returns {Promise<Panel>} */
  async load() {
    await this.ready
    if (!this.panel) {
      this.panel = new Panel(this)
      this.panel.node.hidden = !this.isOpen
      this.frame.prepend(this.panel.node)
    }
    return this.panel
  }

  async #start() {
    this.server = (this.getAttribute('server') ?? this.server).replace(/\/?$/, '/')
    const path = new URL(this.server, location.href).href
    const prefix = path.startsWith(`${location.origin}/`)
      ? `appliance${new URL(path).pathname}`
      : `appliance:${path}`
    this.memory = new Memory(prefix)
    this.tab = new Memory(prefix, 'sessionStorage')
    const [id, hash, name, jwt] = ['user-id', 'user-hash', 'user-name', 'jwt'].map(
      (one) => this.getAttribute(one) ?? undefined,
    )
    if (jwt) this.identity ??= { jwt }
    else if (id) this.identity ??= { id, hash, name }
    const wanted = [this.getAttribute('lang'), document.documentElement.lang, ...navigator.languages]
    const { lang, locale } = choose(wanted)
    this.locale = locale
    const [t] = await Promise.all([speak(lang, locale), this.describe()])
    this.t = t
    this.frame.lang = lang
    this.frame.dir = lang === 'ar' ? 'rtl' : 'ltr'
    this.#launch()
    this.#dress()
    if (this.info.code === 'ORIGIN_NOT_ALLOWED') {
      console.error(`The chat ${this.bot} is not meant for pages of ${location.origin}: see allowed-origins`)
      this.hidden = true
      return
    }
    this.emit('ready')
    const wasOpen = this.tab.get(`open:${this.bot}`) && matchMedia('(min-width: 481px)').matches
    if (this.mode || this.hasAttribute('open') || wasOpen) this.open(this.mode === 'page')
    else if (this.memory.get(`live:${this.bot}`)) this.load().then((panel) => panel.start()) // somebody may write
  }

  /** Ask the server about the bot; `info` has a `code` when it does not tell. */
  async describe() {
    try {
      const token = this.identity?.token
      const headers = token ? { Authorization: `Bearer ${token}` } : undefined
      const path = `api/v1/widget/bots/${encodeURIComponent(this.bot)}`
      this.info = await (await fetch(this.server + path, { headers })).json()
    } catch {
      this.info = { code: 'UNREACHABLE' }
    }
  }

  // -- what is seen of it ----------------------------------------------------------------------------

  #launch() {
    const { launcher, badge } = this
    launcher.part.add('launcher')
    launcher.append(picture(drawn('path', { d: BUBBLE })), badge)
    if (!this.mode) this.frame.append(launcher)
    this.#show()
  }

  #show() {
    const { launcher, badge, t, unread } = this
    launcher.ariaExpanded = String(this.isOpen)
    const name = t(this.isOpen ? 'close' : 'open')
    launcher.ariaLabel = unread ? `${name}, ${t('unread', { n: unread })}` : name
    badge.hidden = !unread
    badge.textContent = String(unread)
    this.frame.classList.toggle('open', this.isOpen)
    if (this.panel) this.panel.node.hidden = !this.isOpen
  }

  /** The page's wishes before the bot's. */
  #dress() {
    const { info } = this
    this.isDressed = true
    const isMirrored = getComputedStyle(document.documentElement).direction === 'rtl'
    const side = this.getAttribute('position') ?? (isMirrored ? 'left' : info.position)
    this.frame.classList.toggle('left', side === 'left')
    if (!this.hasAttribute('theme') && /^(dark|light)$/.test(info.theme))
      this.setAttribute('theme', info.theme)
    const colour = (this.getAttribute('colour') ?? info.colour ?? '').replace(/^[\da-f]{3,6}$/i, '#$&')
    if (CSS.supports('color', colour)) this.frame.style.setProperty('--colour', colour)
  }
}

if (!customElements.get('appliance-chat')) customElements.define('appliance-chat', ChatElement)
