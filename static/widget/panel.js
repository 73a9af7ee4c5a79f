// @ts-check
/** The open chat: header, notices, welcome, the log and the composer. What is said in it is the business of `talk.js`. */
import { button, drawn, element, iconButton, linkOut, picture } from './nodes.js'

const ICONS = {
  back: 'M15 5l-7 7 7 7',
  fresh: 'M12 5v14M5 12h14',
  more: 'M12 5h.01M12 12h.01M12 19h.01',
  close: 'M6 6l12 12M18 6L6 18',
  down: 'M12 5v14M6 13l6 6 6-6',
  clip: 'M20 11l-8.5 8.5a5 5 0 0 1-7-7L13 4a3.5 3.5 0 0 1 5 5l-8.5 8.5a2 2 0 0 1-3-3L14 7',
}
const CHARS_MAX = 100_000

let panels = 0

export class Panel {
  title = element('h1', { dir: 'auto' })
  presence = element('p', { className: 'presence', role: 'status', hidden: true })
  notice = element('p', { className: 'notice', role: 'status', hidden: true })
  announcer = element('p', { className: 'unseen', role: 'status', id: 'announcer' })
  lead = element('p', { className: 'lead', dir: 'auto' })
  suggestions = element('div', { className: 'suggestions', dir: 'auto' })
  welcome = element('section', 'welcome', this.lead, this.suggestions)
  log = element('div', { className: 'log', id: 'log', part: 'log', role: 'log' })
  pane = element('div', { className: 'pane', tabIndex: -1 }, this.welcome, this.log)
  editing = element('p', { className: 'editing', hidden: true })
  /** @type {import('./talk.js').Talk | null} */
  talk = null
  /** @type {Promise<import('./talk.js').Talk> | null} */
  starting = null
  /** The question whose words are changed. @type {{messageId: string, text: string} | null} */
  edited = null

  /** @param {import('./element.js').ChatElement} host */
  constructor(host) {
    const { mode, t } = host
    this.host = host
    this.t = t
    this.welcome.ariaLabel = t('welcome')
    this.log.ariaLabel = t('log')
    const habits = { autocomplete: 'off', enterKeyHint: 'send', dir: 'auto' }
    const looks = { part: 'input', rows: 1, ariaLabel: t('question'), ...habits }
    this.input = /** @type {HTMLTextAreaElement} */ (element('textarea', looks))
    this.fresh = iconButton(ICONS.fresh, t('new'), () => this.restart())
    this.more = iconButton(ICONS.more, t('menu'), () => this.#openMenu(this.menu.hidden))
    this.down = iconButton(ICONS.down, t('down'), () => this.scrollDown(true))
    this.attach = iconButton(ICONS.clip, t('attach'), () => this.#attach())
    this.send = button('send', '', () => this.#submit())
    this.keep = this.#item(t('save'), () => this.#export())
    this.person = this.#item(t('person'), () => this.start().then((talk) => talk.person()))
    const id = `chat-${++panels}`
    this.menu = element(
      'div',
      { className: 'menu', hidden: true, id },
      this.#item(t('history'), () => this.#history('list')),
      this.keep,
      this.person,
      this.#item(t('erase'), () => this.#history('erase')),
    )
    this.more.setAttribute('aria-controls', id)
    const composer = { className: 'composer', part: 'composer' }
    this.composer = element('div', composer, this.attach, this.input, this.send)
    host.frame.classList.toggle('whole', mode !== '')
    host.frame.classList.toggle('page', mode === 'page')
    this.node = element(
      mode === 'page' ? 'main' : 'div',
      { className: 'panel', part: 'panel', role: mode ? null : 'dialog' },
      this.#header(),
      this.notice,
      this.pane,
      this.#footer(),
    )
    this.#listen()
    this.greet()
    this.#write(host.memory.get(`draft:${host.bot}`) ?? '')
    if (mode === 'page' || host.lastChat) this.start()
  }

  // -- for the element -------------------------------------------------------------------------------

  /** The conversation itself is loaded when somebody begins to write, or there is one. @returns {Promise<import('./talk.js').Talk>} */
  start() {
    this.starting ??= import('./talk.js')
      .then(({ Talk }) => (this.talk = new Talk(this)))
      .catch((error) => {
        this.starting = null
        this.blocked(error, () => this.start())
        throw error
      })
    this.starting.catch(() => {}) // told above
    return this.starting
  }

  focus() {
    this.input.focus()
    this.scrollDown(true)
  }

  /** @param {string} text @returns {Promise<boolean>} */
  async ask(text) {
    const talk = await this.start()
    if (talk.history.isOpen) talk.history.close()
    await talk.connecting
    const isSent = await talk.ask(text, talk.files.take())
    this.refresh()
    return isSent
  }

  restart() {
    if (!this.talk) return
    this.talk.restart()
    this.input.focus()
  }

  /** Words of another person are none of this one's business. */
  async identityChanged() {
    await this.meet()
    await this.talk?.identityChanged()
  }

  // -- for the conversation --------------------------------------------------------------------------

  /** @param {string} text  empty hides the notice @param {() => void} [retry] */
  tell(text, retry) {
    this.notice.replaceChildren(text)
    this.notice.hidden = !text
    if (retry) this.notice.append(button('quiet', this.t('retry'), retry))
  }

  /** There is no way to the server, or it lets nobody like this in. @param {any} error @param {() => void} retry */
  blocked(error, retry) {
    const { t } = this
    console.error(error)
    const { code, message } = error
    if (code === 'ORIGIN_NOT_ALLOWED') this.tell(t('not_here'))
    else if (code === 'AUTH_REQUIRED') this.tell(t('sign_in'))
    else if (/NOT_FOUND/.test(code)) this.missing(message)
    else if (code) this.tell(message, retry)
    else this.tell(t(navigator.onLine ? 'unreachable' : 'offline'), retry)
    this.host.emit('error', { code: code ?? 'CONNECT_FAILED', message: message ?? '' })
  }

  /** @param {string} text  read out once */
  announce(text) {
    this.announcer.textContent = text
  }

  /** A question stands in the log. @param {boolean} [follow] */
  asked(follow = true) {
    this.welcome.hidden = true
    this.refresh()
    if (follow) this.scrollDown(true)
  }

  /** The log is empty again. */
  cleared() {
    this.welcome.hidden = false
    this.#edit(null)
    this.refresh()
  }

  /** Who is there. @param {string} handoff @param {string} name */
  present(handoff, name) {
    const { t } = this
    const waiting = t(this.host.info.operators === false ? 'nobody' : 'waiting')
    this.presence.textContent = handoff === 'joined' ? t('joined', { name }) : handoff ? waiting : ''
    this.presence.hidden = !handoff
    this.presence.classList.toggle('here', handoff === 'joined')
    this.person.textContent = t(handoff ? 'call_off' : 'person')
  }

  /** There is no such bot. @param {string} text */
  missing(text) {
    const link = this.host.mode === 'page' ? element('a', { href: this.host.server }, this.t('bots')) : ''
    this.lead.replaceChildren(`${text} `, link)
  }

  isAtEnd() {
    const { pane } = this
    return pane.scrollHeight - pane.scrollTop - pane.clientHeight < 60
  }

  /** @param {boolean} follow  false leaves a reader who has scrolled up alone */
  scrollDown(follow) {
    if (follow) this.pane.scrollTop = this.pane.scrollHeight
    this.down.hidden = this.isAtEnd()
  }

  refresh() {
    const { send, t } = this
    const isBusy = this.talk?.transcript.isBusy ?? false
    const isEmpty = this.talk?.transcript.isEmpty ?? true
    send.classList.toggle('stop', isBusy)
    send.ariaLabel = send.title = t(isBusy ? 'stop' : 'send')
    send.disabled = !isBusy && (!this.input.value.trim() || this.talk?.files.isBusy === true)
    this.fresh.disabled = this.keep.disabled = isEmpty
  }

  /** Another person may know the bot by another face. */
  async meet() {
    await this.host.describe()
    this.greet()
  }

  greet() {
    const { info, mode } = this.host
    const greeting = this.host.getAttribute('greeting') || info.greeting || info.description
    this.title.textContent = this.node.ariaLabel = this.host.heading
    this.lead.textContent = greeting || this.t('lead')
    const suggestions = /** @type {string[]} */ (info.suggestions ?? [])
    this.suggestions.replaceChildren(
      ...suggestions.map((text) => button('suggestion', text, () => this.ask(text))),
    )
    this.input.placeholder = info.placeholder || this.t('ask')
    if (info.identity === 'required' && !this.host.identity && mode !== 'page') this.tell(this.t('sign_in'))
  }

  // -- the nodes -------------------------------------------------------------------------------------

  #header() {
    const { fresh, host, menu, more, person, presence, t, title } = this
    more.classList.add('more')
    more.ariaExpanded = 'false'
    person.hidden = !host.info.handoff
    const home = () => {
      const looks = { className: 'icon', href: host.server, ariaLabel: t('home') }
      return element('a', looks, picture(drawn('path', { d: ICONS.back })))
    }
    return element(
      'header',
      { part: 'header' },
      host.mode === 'page' && home(),
      element('div', 'names', title, presence),
      fresh,
      more,
      menu,
      !host.mode && iconButton(ICONS.close, t('close'), () => host.close()),
    )
  }

  /** @param {string} text @param {() => void} act */
  #item(text, act) {
    return button('', text, () => (this.#openMenu(false), act()))
  }

  #footer() {
    const { announcer, attach, composer, down, editing, host, send, t } = this
    const { privacy_url, uploads } = host.info
    down.className = 'down'
    down.hidden = true
    send.part.add('send')
    const halt = drawn('rect', { class: 'halt', x: 7, y: 7, width: 10, height: 10, rx: 2 })
    send.append(picture(drawn('path', { class: 'go', d: 'M12 19V5M6 11l6-6 6 6' }), halt))
    attach.classList.add('attach')
    attach.hidden = !uploads
    editing.append(
      element('span', '', t('editing')),
      button('quiet', t('cancel'), () => this.#edit(null)),
    )
    const hint = element('p', 'hint', t('hint'), ' ', linkOut(privacy_url ?? undefined, t('privacy')))
    return element('footer', '', down, editing, composer, hint, announcer)
  }

  // -- what people do --------------------------------------------------------------------------------

  #listen() {
    const { host, input, node, pane } = this
    input.addEventListener('input', () => {
      this.#grow()
      this.refresh()
      host.memory.set(`draft:${host.bot}`, input.value || null)
      this.start()
    })
    input.addEventListener('keydown', (event) => this.#typed(event))
    node.addEventListener('keydown', (event) => event.key === 'Escape' && this.#escape())
    // A page's own keys (shortcuts, the Enter of a form) are not meant by who writes here.
    for (const type of ['keydown', 'keyup', 'keypress'])
      node.addEventListener(type, (event) => event.stopPropagation())
    node.addEventListener('focusout', (event) => {
      const { relatedTarget: next } = /** @type {FocusEvent} */ (event)
      if (next && !this.menu.contains(/** @type {Node} */ (next)) && next !== this.more) this.#openMenu(false)
    })
    node.addEventListener('click', (event) => {
      const target = /** @type {Node} */ (event.target)
      if (!this.menu.contains(target) && !this.more.contains(target)) this.#openMenu(false)
    })
    pane.addEventListener('scroll', () => (this.down.hidden = this.isAtEnd()))
    addEventListener('offline', () => this.tell(this.t('offline')))
    addEventListener('online', () => this.talk?.chat?.isConnected() && this.tell(''))
    const screen = window.visualViewport
    screen?.addEventListener('resize', () => this.#fit(screen))
    screen?.addEventListener('scroll', () => this.#fit(screen))
  }

  /** What a keyboard on the screen leaves free; not when the page is zoomed in. @param {VisualViewport} screen */
  #fit({ height, offsetTop, scale }) {
    const { style } = this.node
    const isFree = Math.abs(scale - 1) > 0.01 || this.host.mode
    style.setProperty('--visible', isFree ? '100dvh' : `${height}px`)
    style.setProperty('--top', isFree ? '0' : `${offsetTop}px`)
  }

  /** @param {KeyboardEvent} event */
  #typed(event) {
    if (event.isComposing) return
    const last =
      event.key === 'ArrowUp' && !this.input.value && !this.edited && this.talk?.transcript.lastQuestion
    if (last && !this.talk?.transcript.isBusy) {
      event.preventDefault()
      this.#edit(last)
    } else if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault()
      if (!this.talk?.transcript.isBusy) this.#submit()
    }
  }

  #escape() {
    if (!this.menu.hidden) {
      this.#openMenu(false)
      this.more.focus()
    } else if (this.talk?.history.isOpen) this.talk.history.close()
    else if (this.edited) this.#edit(null)
    else if (this.host.mode) this.talk?.stop()
    else this.host.close()
  }

  async #submit() {
    const { t } = this
    const text = this.input.value.trim()
    if (this.talk?.transcript.isBusy) return this.talk.stop()
    if (!text || this.talk?.files.isBusy) return
    if (text.length > CHARS_MAX && Array.from(text).length > CHARS_MAX)
      return this.tell(t('too_long', { n: CHARS_MAX }))
    if (this.talk?.chat) this.tell('')
    const { edited } = this
    this.#write('')
    if (edited) {
      if (this.talk?.retry(edited.messageId, text)) this.#edit(null)
      else this.#write(text)
    } else if (!(await this.ask(text).catch(() => false))) this.#write(text)
    this.refresh()
  }

  /** @param {{messageId: string, text: string} | null} question */
  #edit(question) {
    if (!question && !this.edited) return
    this.edited = question
    this.editing.hidden = !question
    this.#write(question?.text ?? '')
    this.refresh()
    this.input.focus()
  }

  /** @param {string} text */
  #write(text) {
    this.input.value = text
    if (!this.edited) this.host.memory.set(`draft:${this.host.bot}`, text || null)
    this.#grow()
    this.refresh()
  }

  #grow() {
    const atEnd = this.isAtEnd()
    const { style } = this.input
    style.setProperty('height', 'auto')
    if (this.input.value) style.setProperty('height', `${this.input.scrollHeight}px`)
    this.scrollDown(atEnd)
  }

  /** @param {boolean} isOpen */
  #openMenu(isOpen) {
    this.menu.hidden = !isOpen
    this.more.ariaExpanded = String(isOpen)
    if (isOpen) this.menu.querySelector('button')?.focus()
  }

  /** @param {'list' | 'erase'} wish */
  async #history(wish) {
    const talk = await this.start()
    talk.history.show(wish)
  }

  async #export() {
    const { talk } = this
    if (!talk?.id) return
    const isSaved = await talk.save(`widget/conversations/${talk.id}/export?format=md`, `${this.host.bot}.md`)
    this.tell(isSaved ? '' : this.t('failed'))
  }

  async #attach() {
    const looks = { type: 'file', multiple: true, accept: (this.host.info.upload_types ?? []).join() }
    const choice = /** @type {HTMLInputElement} */ (element('input', looks))
    choice.addEventListener('change', () => this.#upload([...(choice.files ?? [])]))
    choice.click()
  }

  /** @param {File[]} chosen */
  async #upload(chosen) {
    const talk = await this.start()
    await talk.files.add(chosen)
    this.input.focus()
  }
}
