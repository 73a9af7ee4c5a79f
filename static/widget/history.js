// @ts-check
/** What was said before: conversations to open, rename, save and delete; and the end of all of one's data. */
import { button, element } from './nodes.js'
import { when } from './when.js'

/** @typedef {{id: string, title: string, preview: string, last_message_at: number, handoff: string}} Item */

export class History {
  title = element('h2')
  list = element('ul')
  text = element('p', 'faint')

  /** @param {import('./panel.js').Panel} panel @param {import('./talk.js').Talk} talk */
  constructor(panel, talk) {
    this.panel = panel
    this.talk = talk
    this.t = panel.t
    this.node = element(
      'section',
      { className: 'history', tabIndex: -1, hidden: true },
      button('quiet', this.t('back'), () => this.close()),
      this.title,
      this.text,
      this.list,
    )
    panel.pane.prepend(this.node)
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
    this.node.ariaLabel = this.title.textContent = t(wish === 'erase' ? 'erase' : 'history')
    this.text.textContent = ''
    this.list.replaceChildren()
    this.node.focus()
    if (wish === 'erase') return this.#sure(this.node, t('sure_erase'), t('erase'), () => this.#erase())
    await this.#fill()
  }

  close() {
    const { panel } = this
    this.node.hidden = true
    notSure(this.node)
    panel.log.hidden = false
    panel.welcome.hidden = !this.talk.transcript.isEmpty
    panel.focus()
  }

  async #fill() {
    try {
      const { bot } = this.panel.host
      const path = `widget/conversations?bot=${encodeURIComponent(bot)}`
      const { items } = await this.talk.session.json(path)
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
    const open = button('past', '', () => this.#open(item))
    if (item.id === this.talk.id) open.ariaCurrent = 'true'
    const name = element('strong', { dir: 'auto' }, item.title || item.preview || t('untitled'))
    open.append(name, element('span', 'faint', when(item.last_message_at, this.panel.host.locale)))
    const remove = () => this.#sure(line, t('sure_remove'), t('remove'), () => this.#remove(item))
    const actions = element(
      'span',
      'past-actions',
      button('quiet', t('rename'), () => this.#rename(line, item, name)),
      button('quiet', t('remove'), remove),
    )
    const line = element('li', '', open, actions)
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
    const looks = { value: name.textContent, maxLength: 200, ariaLabel: this.t('title') }
    const input = /** @type {HTMLInputElement} */ (element('input', looks))
    const keep = async () => {
      const title = input.value.trim()
      if (title && (await this.#did('PATCH', `conversations/${item.id}`, { title }))) this.#fill()
    }
    input.addEventListener('keydown', (event) => event.key === 'Enter' && keep())
    const box = element(
      'span',
      'sure',
      input,
      button('quiet', this.t('keep'), keep),
      button('quiet', this.t('cancel'), () => box.remove()),
    )
    notSure(line)
    line.append(box)
    input.select()
  }

  /** Ask before something is gone for good. @param {HTMLElement} place @param {string} text @param {string} name @param {() => void} act */
  #sure(place, text, name, act) {
    const cancel = button('quiet', this.t('cancel'), () =>
      place === this.node ? this.close() : box.remove(),
    )
    const looks = { className: 'sure', role: 'group', ariaLabel: text }
    const box = element('span', looks, element('span', '', text), button('quiet danger', name, act), cancel)
    notSure(place)
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
    const isDone = await this.talk.session.send(method, path, body)
    this.text.textContent = isDone ? '' : this.t('failed')
    return isDone
  }
}

/** Takes away what was asked or written there. @param {HTMLElement} place */
function notSure(place) {
  place.querySelector(':scope > .sure')?.remove()
}
