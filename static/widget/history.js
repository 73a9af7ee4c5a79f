// @ts-check
/** What was said before: conversations to open, rename, save and delete; and the end of all of one's data. */
import { button, element } from './nodes.js'

/** @typedef {{id: string, title: string, preview: string, last_message_at: number, handoff: string}} Item */

export class History {
  /** @param {import('./panel.js').Panel} panel @param {import('./talk.js').Talk} talk */
  constructor(panel, talk) {
    this.panel = panel
    this.talk = talk
    this.t = panel.t
    this.node = element('section', 'history')
    this.node.tabIndex = -1
    this.node.hidden = true
    this.title = element('h2')
    this.list = element('ul')
    this.text = element('p', 'faint')
    const back = button('quiet', this.t('back'), () => this.close())
    this.node.append(back, this.title, this.text, this.list)
    panel.pane.prepend(this.node)
    this.times = new Intl.DateTimeFormat(panel.host.locale, { dateStyle: 'medium', timeStyle: 'short' })
  }

  get isOpen() {
    return !this.node.hidden
  }

  /** @param {'list' | 'erase'} wish */
  async show(wish) {
    const { panel, t } = this
    this.node.hidden = false
    panel.log.hidden = panel.welcome.hidden = true
    panel.pane.scrollTop = 0
    this.title.textContent = t(wish === 'erase' ? 'erase' : 'history')
    this.node.ariaLabel = this.title.textContent
    this.text.textContent = ''
    this.list.replaceChildren()
    this.node.focus()
    if (wish === 'erase') return this.#sure(this.node, t('sure_erase'), t('erase'), () => this.#erase())
    await this.#fill()
  }

  close() {
    const { panel } = this
    this.node.hidden = true
    this.node.querySelector(':scope > .sure')?.remove()
    panel.log.hidden = false
    panel.welcome.hidden = !this.talk.transcript.isEmpty
    panel.focus()
  }

  async #fill() {
    try {
      const { bot } = this.panel.host
      const response = await this.talk.session.fetch(`widget/conversations?bot=${encodeURIComponent(bot)}`)
      if (!response.ok) throw new Error(String(response.status))
      const { items } = await response.json()
      this.list.replaceChildren(...items.map((/** @type {Item} */ item) => this.#line(item)))
      this.text.textContent = items.length ? '' : this.t('none')
    } catch (error) {
      console.error(error)
      this.text.textContent = this.t('failed')
    }
  }

  /** @param {Item} item */
  #line(item) {
    const { t } = this
    const line = element('li')
    const open = button('past', '', () => this.#open(item))
    if (item.id === this.talk.id) open.ariaCurrent = 'true'
    const name = element('strong', '', item.title || item.preview || t('untitled'))
    name.dir = 'auto'
    open.append(name, element('span', 'faint', this.times.format(item.last_message_at * 1000)))
    const actions = element('span', 'past-actions')
    actions.append(
      button('quiet', t('rename'), () => this.#rename(line, item, name)),
      button('quiet', t('remove'), () =>
        this.#sure(line, t('sure_remove'), t('remove'), () => this.#remove(item)),
      ),
    )
    line.append(open, actions)
    return line
  }

  /** @param {Item} item */
  async #open({ id }) {
    this.close()
    if (id !== this.talk.id) await this.talk.show(id)
    this.panel.scrollDown(true)
  }

  /** @param {HTMLElement} line @param {Item} item @param {HTMLElement} name */
  #rename(line, item, name) {
    const box = element('span', 'sure')
    const input = /** @type {HTMLInputElement} */ (element('input'))
    input.value = name.textContent ?? ''
    input.maxLength = 200
    input.ariaLabel = this.t('title')
    const keep = async () => {
      const title = input.value.trim()
      if (title && (await this.#did('PATCH', `conversations/${item.id}`, { title }))) this.#fill()
    }
    input.addEventListener('keydown', (event) => event.key === 'Enter' && keep())
    box.append(
      input,
      button('quiet', this.t('keep'), keep),
      button('quiet', this.t('cancel'), () => box.remove()),
    )
    line.querySelector('.sure')?.remove()
    line.append(box)
    input.select()
  }

  /** Ask before something is gone for good. @param {HTMLElement} place @param {string} text @param {string} name @param {() => void} act */
  #sure(place, text, name, act) {
    const box = element('span', 'sure')
    box.role = 'group'
    box.ariaLabel = text
    const cancel = button('quiet', this.t('cancel'), () =>
      place === this.node ? this.close() : box.remove(),
    )
    box.append(element('span', '', text), button('quiet danger', name, act), cancel)
    place.querySelector(':scope > .sure')?.remove()
    place.append(box)
    cancel.focus()
  }

  /** @param {Item} item */
  async #remove({ id }) {
    if (!(await this.#did('DELETE', `conversations/${id}`))) return
    if (id === this.talk.id) this.talk.restart()
    this.panel.welcome.hidden = true
    await this.#fill()
    this.node.focus()
  }

  async #erase() {
    if (!(await this.#did('DELETE', 'me'))) return
    this.talk.restart()
    this.close()
    this.panel.tell(this.t('erased'))
  }

  /** @param {string} method @param {string} path @param {object} [body] @returns {Promise<boolean>} */
  async #did(method, path, body) {
    const isDone = await this.talk.session.send(method, path, body).then(
      (response) => response.ok,
      () => false,
    )
    this.text.textContent = isDone ? '' : this.t('failed')
    return isDone
  }
}
