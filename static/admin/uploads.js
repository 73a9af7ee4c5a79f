// @ts-check
/** Many files to one place: by a button or dropped, two at a time, each with how far it is or why it failed. */
import { upload } from './api.js'
import { h } from './dom.js'
import { errorText } from './ui/pieces.js'
import { bytes } from './ui.js'

const AT_ONCE = 2

/**
 * @param {object} options
 * @param {string} options.path               where each file is sent to, as a form with `file`
 * @param {string[]} options.types            endings that are taken, such as `.pdf`
 * @param {number} [options.bytesMax]         of one file
 * @param {() => void} options.onTaken        after each file that the server took
 * @returns {HTMLElement}
 */
export function uploadZone({ path, types, bytesMax, onTaken }) {
  const input = h('input', {
    type: 'file',
    multiple: true,
    accept: types.join(','),
    class: 'unseen',
    tabindex: '-1',
    'aria-hidden': 'true',
  })
  const list = h('ul', { class: 'uploads', 'aria-label': 'Uploads' })
  const told = h('p', { class: 'unseen', role: 'status' })
  const queue = new Queue(path, list, told, onTaken, bytesMax)
  const choose = h(
    'button',
    { type: 'button', class: 'button primary', on: { click: () => input.click() } },
    'Choose files',
  )
  const limit = bytesMax ? ` Up to ${bytes(bytesMax)} each.` : ''
  const zone = h(
    'div',
    { class: 'dropzone' },
    h('p', {}, choose, ' or drop them here.'),
    h('p', { class: 'hint' }, `${kinds(types)}${limit}`),
    input,
    told,
  )
  input.addEventListener('change', () => {
    queue.add([...(input.files ?? [])])
    input.value = ''
  })
  dropping(zone, (files) => queue.add(files))
  return h('div', { class: 'upload' }, zone, list)
}

/** @param {string[]} types */
function kinds(types) {
  return types.length
    ? `Text is read from ${types.join(', ')}.`
    : 'Text is read from documents of many kinds.'
}

/** @param {HTMLElement} zone @param {(files: File[]) => void} take */
function dropping(zone, take) {
  const mark = (/** @type {boolean} */ on) => zone.classList.toggle('over', on)
  zone.addEventListener('dragover', (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return
    event.preventDefault()
    mark(true)
  })
  zone.addEventListener('dragleave', (event) => {
    if (!zone.contains(/** @type {Node | null} */ (event.relatedTarget))) mark(false)
  })
  zone.addEventListener('drop', (event) => {
    event.preventDefault()
    mark(false)
    take([...(event.dataTransfer?.files ?? [])])
  })
}

class Queue {
  /** @param {string} path @param {HTMLElement} list @param {HTMLElement} told @param {() => void} onTaken @param {number} [bytesMax] */
  constructor(path, list, told, onTaken, bytesMax) {
    this.path = path
    this.list = list
    this.told = told
    this.onTaken = onTaken
    this.bytesMax = bytesMax
    /** @type {Sending[]} */
    this.waiting = []
    this.running = 0
  }

  /** @param {File[]} files */
  add(files) {
    for (const file of files) {
      const sending = new Sending(file, (one) => this.#enter(one))
      this.list.append(sending.node)
      if (this.bytesMax && file.size > this.bytesMax)
        sending.fail(`It has ${bytes(file.size)}; ${bytes(this.bytesMax)} are the most.`, false)
      else this.#enter(sending)
    }
  }

  /** @param {Sending} sending */
  #enter(sending) {
    sending.wait()
    this.waiting.push(sending)
    this.#next()
  }

  #next() {
    while (this.running < AT_ONCE && this.waiting.length)
      this.#send(/** @type {Sending} */ (this.waiting.shift()))
  }

  /** @param {Sending} sending */
  async #send(sending) {
    this.running += 1
    try {
      await sending.send(this.path)
      this.told.textContent = `${sending.file.name} was taken.`
      this.onTaken()
    } catch (error) {
      const text = errorText(error)
      sending.fail(text)
      this.told.textContent = `${sending.file.name} was not taken: ${text}`
    } finally {
      this.running -= 1
      this.#next()
    }
  }
}

/** One file on its way. */
class Sending {
  /** @param {File} file @param {(sending: Sending) => void} again */
  constructor(file, again) {
    this.file = file
    this.again = again
    this.state = h('span', { class: 'state' })
    this.bar = /** @type {HTMLProgressElement} */ (
      h('progress', { max: '1', value: 0, 'aria-label': `Upload of ${file.name}` })
    )
    this.buttons = h('span', { class: 'row' })
    this.node = h(
      'li',
      {},
      h('span', { class: 'name' }, file.name),
      h('span', { class: 'faint' }, bytes(file.size)),
      this.bar,
      this.state,
      this.buttons,
    )
  }

  wait() {
    this.node.classList.remove('failed')
    this.bar.hidden = false
    this.bar.value = 0
    this.state.textContent = 'Waiting'
    this.buttons.replaceChildren()
  }

  /** @param {string} path */
  async send(path) {
    const form = new FormData()
    form.append('file', this.file)
    this.state.textContent = 'Sending'
    await upload(path, form, (share) => {
      this.bar.value = share
      this.state.textContent = share < 1 ? `${Math.floor(share * 100)} %` : 'Being read'
    })
    this.node.remove()
  }

  /** @param {string} text @param {boolean} [canRetry] */
  fail(text, canRetry = true) {
    this.node.classList.add('failed')
    this.bar.hidden = true
    this.state.textContent = text
    const dismiss = h(
      'button',
      {
        type: 'button',
        class: 'button',
        'aria-label': `Dismiss ${this.file.name}`,
        on: { click: () => this.node.remove() },
      },
      'Dismiss',
    )
    const retry = h(
      'button',
      {
        type: 'button',
        class: 'button',
        'aria-label': `Try ${this.file.name} again`,
        on: { click: () => this.again(this) },
      },
      'Try again',
    )
    this.buttons.replaceChildren(...(canRetry ? [retry, dismiss] : [dismiss]))
  }
}
