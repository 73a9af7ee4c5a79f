// @ts-check
/** What models cost, and what a month may cost. */
import { get, put } from './api.js'
import { fill, h } from './dom.js'
import { icon } from './icons.js'
import { load } from './load.js'
import { busy, card, field, formErrors, iconButton, problem, toast, valuesOf } from './ui.js'

/** @param {HTMLElement} panel */
export function prices(panel) {
  return load(
    panel,
    () => get('prices'),
    (body) => h('div', { class: 'narrow' }, new Prices(body).node),
  )
}

class Prices {
  /** @param {any} body */
  constructor({ currency, items, month_budget: budget, stop }) {
    this.rows = h('tbody')
    this.note = h('div')
    this.button = h('button', { type: 'submit', class: 'button primary' }, 'Save')
    for (const item of items) this.#add(item)
    const add = h(
      'button',
      { type: 'button', class: 'button', on: { click: () => this.#add({}, true) } },
      icon('plus'),
      'Add a model',
    )
    this.currency = field({
      label: 'Currency',
      name: 'currency',
      value: currency,
      required: true,
      hint: 'Three letters, such as EUR.',
      attributes: { maxlength: 3, pattern: '[A-Za-z]{3}' },
    })
    this.form = h(
      'form',
      {
        class: 'stack',
        novalidate: true,
        on: { submit: (/** @type {SubmitEvent} */ event) => this.#save(event) },
      },
      h(
        'div',
        { class: 'pair' },
        this.currency,
        field({
          label: 'Budget of a month',
          name: 'month_budget',
          type: 'number',
          value: budget,
          hint: 'The overview warns near it. Empty: none.',
          attributes: { min: 0, step: 'any' },
        }),
      ),
      field({
        label: 'Stop when the budget is used up',
        name: 'stop',
        type: 'checkbox',
        value: stop,
        hint: 'Bots do not answer any more until the next month. Without it there is only a warning.',
      }),
      h('h3', null, 'Price of a million tokens'),
      h('p', { class: 'faint' }, 'Models without a price cost nothing in the figures.'),
      h(
        'table',
        { class: 'prices' },
        h(
          'thead',
          null,
          h(
            'tr',
            null,
            ['Model', 'Read', 'Written', ''].map((label) =>
              h('th', { scope: 'col' }, label || h('span', { class: 'unseen' }, 'Remove')),
            ),
          ),
        ),
        this.rows,
      ),
      h('div', { class: 'row' }, add),
      this.note,
      h('div', { class: 'dialog-foot' }, this.button),
    )
    this.node = card('Prices and budget', {}, this.form)
  }

  /** @param {any} item @param {boolean} [focus] */
  #add({ model = '', prompt_per_million: read = '', completion_per_million: written = '' }, focus = false) {
    const box = (/** @type {string} */ label, /** @type {any} */ value, /** @type {any} */ more) =>
      h('td', { data: { label } }, h('input', { 'aria-label': label, value: value ?? '', ...more }))
    const price = { type: 'number', min: 0, step: 'any', inputmode: 'decimal' }
    const row = h(
      'tr',
      null,
      box('Model', model, { type: 'text', maxlength: 200 }),
      box('Price of what is read', read, price),
      box('Price of what is written', written, price),
      h(
        'td',
        { class: 'tight' },
        iconButton('trash', `Remove ${model || 'this model'}`, () => row.remove()),
      ),
    )
    this.rows.append(row)
    if (focus) row.querySelector('input').focus()
  }

  #items() {
    const rows = [.../** @type {HTMLCollectionOf<HTMLTableRowElement>} */ (this.rows.rows)]
    const all = rows.map((row) => [...row.querySelectorAll('input')].map((input) => input.value.trim()))
    return all
      .filter(([model]) => model)
      .map(([model, read, written]) => ({
        model,
        prompt_per_million: Number(read || 0),
        completion_per_million: Number(written || 0),
      }))
  }

  /** @param {SubmitEvent} event */
  async #save(event) {
    event.preventDefault()
    if (!formErrors(this.form)) return
    const { currency, month_budget, stop } = valuesOf(this.form)
    fill(this.note)
    try {
      await busy(
        this.button,
        put('prices', { currency: currency.toUpperCase(), items: this.#items(), month_budget, stop }),
      )
      toast('Prices and budget were saved.', 'good')
    } catch (error) {
      fill(this.note, problem(error))
    }
  }
}
