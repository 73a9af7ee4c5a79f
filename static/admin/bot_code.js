// @ts-check
/** A bot's prompt and code, and the place to write them anew. */
import { del, put } from './api.js'
import { fill, h } from './dom.js'
import { Draft } from './drafts.js'
import { icon } from './icons.js'
import { busy, card, confirmDialog, copyButton, problem, toast } from './ui.js'

export class BotCode {
  /** @param {any} bot @param {string} path @param {() => Promise<unknown>} onSaved */
  constructor(bot, path, onSaved) {
    this.bot = bot
    this.path = path
    this.onSaved = onSaved
    this.draft = new Draft(`${path}/code`)
    this.panel = /** @type {HTMLElement | null} */ (null)
  }

  /** Whether somebody writes in it. */
  get isOpen() {
    return Boolean(this.panel?.querySelector('textarea'))
  }

  /** @param {HTMLElement} panel */
  show(panel) {
    this.panel = panel
    const kept = this.draft.read()
    if (kept && kept !== this.bot.code) this.write(kept)
    else this.read()
  }

  read() {
    const { bot } = this
    const edit = h(
      'button',
      { type: 'button', class: 'button primary', on: { click: () => this.write(bot.code) } },
      icon('edit'),
      'Edit',
    )
    const isOurs = bot.source !== 'filesystem' && bot.has_file
    const back = h(
      'button',
      { type: 'button', class: 'button', on: { click: () => this.#backToFile(back) } },
      'Back to the file',
    )
    fill(
      /** @type {HTMLElement} */ (this.panel),
      card(
        'Prompt',
        { actions: [copyButton(bot.prompt)] },
        text('Text of the prompt', bot.prompt || 'It has none.'),
      ),
      card(
        'Code',
        { actions: [isOurs && back, copyButton(bot.code), edit] },
        text('Text of the code', bot.code || 'It cannot be shown.'),
      ),
    )
  }

  /** @param {string} begin */
  write(begin) {
    const { bot, draft } = this
    const note = h('div', { class: 'dialog-error' })
    const id = 'bot-code'
    const area = h('textarea', {
      id,
      class: 'code',
      rows: 24,
      spellcheck: 'false',
      autocapitalize: 'off',
      autocomplete: 'off',
      dir: 'auto',
      'aria-describedby': `${id}-hint`,
      value: begin,
      on: { input: () => draft.keep(area.value === bot.code ? '' : area.value) },
    })
    const save = h('button', { type: 'submit', class: 'button primary' }, 'Save')
    const send = async (/** @type {SubmitEvent} */ event) => {
      event.preventDefault()
      if (save.disabled) return
      fill(note)
      try {
        await busy(save, put(`${this.path}/code`, { code: area.value, before: bot.code }))
        draft.keep('')
        toast('Saved. It answers so from the next question on.', 'good')
        fill(/** @type {HTMLElement} */ (this.panel))
        await this.onSaved()
      } catch (error) {
        fill(note, problem(error))
        area.focus()
      }
    }
    const leave = async () => {
      const loses = ['what you have changed here']
      const asks = { title: 'Leave your changes?', loses, action: 'Leave them' }
      if (area.value !== bot.code && !(await confirmDialog(asks))) return
      draft.keep('')
      this.read()
      this.panel?.querySelector('button')?.focus()
    }
    const hint =
      bot.source === 'filesystem'
        ? 'It is kept in the database and goes before the bot’s file, which stays as it is.'
        : 'Settings stand between the lines of three dashes, the prompt below.'
    fill(
      /** @type {HTMLElement} */ (this.panel),
      card(
        null,
        {},
        h(
          'form',
          { class: 'stack', on: { submit: send } },
          h('label', { for: id }, 'Code'),
          area,
          h('p', { class: 'hint', id: `${id}-hint` }, hint),
          note,
          h(
            'div',
            { class: 'dialog-foot' },
            h('button', { type: 'button', class: 'button', on: { click: leave } }, 'Cancel'),
            save,
          ),
        ),
      ),
    )
    area.focus()
    area.setSelectionRange(0, 0)
  }

  /** @param {HTMLButtonElement} button */
  async #backToFile(button) {
    const loses = ['the code that was written here; copy it, if you want to keep it']
    if (!(await confirmDialog({ title: 'Take the file again?', loses, action: 'Take the file' }))) return
    await busy(button, del(`${this.path}/code`))
    toast('What the file says counts again.', 'good')
    await this.onSaved()
  }
}

/** @param {string} label @param {string} words */
function text(label, words) {
  return h('pre', { class: 'tall', tabindex: 0, role: 'region', 'aria-label': label, dir: 'auto' }, words)
}
