// @ts-check
/** Files that go with a conversation: sent with progress, listed below the question, taken back. */
import { ChatError } from '../client.js'
import { button, element } from './nodes.js'

/** @typedef {{id: string, name: string, bytes: number, characters?: number, note?: string}} Upload */

/**
 * Send one file; rejects with a `ChatError` that has the server's words.
 * @param {string} url  of `…/conversations/<id>/files` @param {string} token @param {File} file
 * @param {(share: number) => void} onProgress  from 0 to 1 @param {AbortSignal} signal
 * @returns {Promise<Upload>}
 */
export function uploadFile(url, token, file, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest() // the only one that tells how far it is
    const fail = (/** @type {any} */ body) =>
      reject(new ChatError(body?.code ?? 'UPLOAD_FAILED', body?.error))
    request.open('POST', url)
    request.setRequestHeader('Authorization', `Bearer ${token}`)
    request.responseType = 'json'
    request.upload.onprogress = ({ loaded, total }) => total && onProgress(loaded / total)
    request.onload = () => (request.status < 300 ? resolve(request.response) : fail(request.response))
    request.onerror = request.onabort = () => fail(null)
    signal.onabort = () => request.abort()
    const form = new FormData()
    form.append('file', file)
    request.send(form)
  })
}

/** The files of the next question, as a list. */
export class FileList {
  /** @type {Map<HTMLElement, Upload | null>} */
  chips = new Map()
  sending = 0

  /** @param {import('./talk.js').Talk} talk */
  constructor(talk) {
    this.talk = talk
    this.panel = talk.panel
    this.t = talk.host.t
    this.root = element('ul', { className: 'files', ariaLabel: this.t('files') })
  }

  get isBusy() {
    return this.sending > 0
  }

  /** Those that are there, and empty the list: the question that has them is asked. @returns {string[]} */
  take() {
    const ids = [...this.chips.values()].flatMap((upload) => (upload ? [upload.id] : []))
    for (const [chip, upload] of this.chips) if (upload) this.#drop(chip)
    return ids
  }

  /** @param {Iterable<File>} files */
  add(files) {
    return Promise.all(Array.from(files, (file) => this.#add(file)))
  }

  /** @param {File} file */
  async #add(file) {
    const { panel, t, talk } = this
    const bytesMax = talk.host.info.upload_bytes_max ?? Infinity
    const stop = new AbortController()
    const state = element('progress', { ariaLabel: file.name })
    const cross = button('quiet', '×', () => {
      const upload = this.chips.get(chip)
      stop.abort()
      this.#drop(chip)
      if (upload) talk.session.send('DELETE', `conversations/${talk.id}/files/${upload.id}`)
    })
    cross.ariaLabel = t('remove_file', { name: file.name })
    const chip = element('li', 'file', element('bdi', '', file.name), state, cross)
    this.root.append(chip)
    this.chips.set(chip, null)
    this.sending++
    panel.refresh()
    try {
      if (file.size > bytesMax) throw new Error(t('file_too_big', { n: Math.floor(bytesMax / 1e6) }))
      const upload = await talk.upload(
        file,
        (share) => state.setAttribute('value', String(share)),
        stop.signal,
      )
      this.chips.set(chip, upload)
      state.replaceWith(element('span', 'faint', upload.note ?? ''))
      panel.announce(t('file_added', { name: file.name }))
    } catch (error) {
      if (stop.signal.aborted) return
      const text = /** @type {Error} */ (error).message || t('failed')
      chip.classList.add('failed')
      state.replaceWith(element('span', '', text))
      panel.announce(`${file.name}: ${text}`)
    } finally {
      this.sending--
      panel.refresh()
    }
  }

  /** @param {HTMLElement} chip */
  #drop(chip) {
    this.chips.delete(chip)
    chip.remove()
    this.panel.refresh()
  }
}
