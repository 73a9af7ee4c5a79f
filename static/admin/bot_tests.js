// @ts-check
/** Questions that a bot has to answer well: listed, added, changed, and asked all at once. */
import { get, post, put } from './api.js'
import { fill, h } from './dom.js'
import { icon } from './icons.js'
import { counted, load } from './load.js'
import { badge, busy, card, confirmDialog, duration, emptyState, formDialog, problem, toast } from './ui.js'

const LISTS = ['says', 'not_says', 'cites', 'tables']
const COST = 'Each question is asked as a visitor would. That takes a while and costs tokens.'

export class BotTests {
  /** @param {string} path  of the bot @param {any} bot */
  constructor(path, bot) {
    this.path = `${path}/tests`
    this.bot = bot
    /** @type {any[]} */
    this.items = []
    this.list = h('div', { class: 'stack' })
    this.outcome = h('div', { role: 'status', class: 'stack' })
    this.runButton = h(
      'button',
      { type: 'button', class: 'button primary', on: { click: () => this.run() } },
      icon('playground'),
      'Run all',
    )
  }

  /** @param {HTMLElement} panel */
  async show(panel) {
    fill(
      panel,
      h('div', { class: 'row' }, this.runButton, this.addButton(), h('span', { class: 'faint' }, COST)),
      this.outcome,
      this.list,
    )
    await this.read()
  }

  addButton() {
    return h(
      'button',
      { type: 'button', class: 'button', on: { click: () => this.edit() } },
      icon('plus'),
      'Add a test',
    )
  }

  read() {
    return load(
      this.list,
      () => get(this.path),
      (body) => this.#show(body),
      { quiet: this.list.childElementCount > 0 },
    )
  }

  /** @param {any} body */
  #show({ items, errors = [] }) {
    this.items = items
    this.runButton.disabled = !items.length
    const wrong =
      errors.length > 0 &&
      card(
        'In tests.yaml',
        { class: 'findings warn' },
        h(
          'ul',
          null,
          errors.map((/** @type {string} */ line) => h('li', null, h('code', null, line))),
        ),
      )
    if (!items.length)
      return [
        wrong,
        emptyState({
          icon: 'check',
          title: 'No tests yet',
          text: 'Write down a question and what a good answer says. Run them after each change of the prompt.',
          action: this.addButton(),
        }),
      ]
    return [
      wrong,
      h(
        'ul',
        { class: 'tests' },
        items.map((/** @type {any} */ test) => this.#item(test)),
      ),
    ]
  }

  /** @param {any} test */
  #item(test) {
    const own = test.source !== 'file'
    const buttons =
      own &&
      h(
        'div',
        { class: 'row' },
        h(
          'button',
          {
            type: 'button',
            class: 'button small',
            'aria-label': `Edit: ${test.ask}`,
            on: { click: () => this.edit(test) },
          },
          'Edit',
        ),
        h(
          'button',
          {
            type: 'button',
            class: 'button small risky',
            'aria-label': `Delete: ${test.ask}`,
            on: { click: () => this.#remove(test) },
          },
          'Delete',
        ),
      )
    return h(
      'li',
      null,
      h(
        'div',
        null,
        h('strong', { dir: 'auto' }, test.ask),
        h('p', { class: 'faint', dir: 'auto' }, expectation(test)),
      ),
      own ? buttons : badge('in tests.yaml'),
    )
  }

  /** @param {any} [test] */
  async edit(test) {
    const lines = (/** @type {string} */ name) => (test?.[name] ?? []).join('\n')
    const saved = await formDialog({
      title: test ? 'Edit the test' : 'Add a test',
      wide: true,
      fields: [
        {
          label: 'Question',
          name: 'ask',
          type: 'textarea',
          value: test?.ask,
          required: true,
          attributes: { rows: 2 },
        },
        {
          label: 'The answer says',
          name: 'says',
          type: 'textarea',
          value: lines('says'),
          hint: 'One text a line; all of them have to be there.',
          attributes: { rows: 3 },
        },
        {
          label: 'The answer does not say',
          name: 'not_says',
          type: 'textarea',
          value: lines('not_says'),
          attributes: { rows: 2 },
        },
        {
          label: 'It cites',
          name: 'cites',
          type: 'textarea',
          value: lines('cites'),
          hint: 'Titles of documents, one a line.',
          attributes: { rows: 2 },
        },
        {
          label: 'It reads the tables',
          name: 'tables',
          type: 'textarea',
          value: lines('tables'),
          attributes: { rows: 2 },
        },
        {
          label: 'Rows of the result',
          name: 'rows',
          type: 'number',
          value: test?.rows,
          hint: 'Empty when it does not matter.',
          attributes: { min: 0 },
        },
        {
          label: 'It has to decline',
          name: 'refuses',
          type: 'checkbox',
          value: test?.refuses,
          hint: 'The bot says that it does not know, or may not.',
        },
      ],
      action: (values) => this.#keep(test, testOf(values)),
    })
    if (!saved) return
    toast('The test was saved.', 'good')
    await this.read()
  }

  /** Tests are kept as a whole; those of the file are not ours to write. @param {any} before @param {any | null} after  null takes it away */
  #keep(before, after) {
    const own = this.items.filter((one) => one.source !== 'file')
    const changed = before
      ? own.flatMap((one) => (one.id === before.id ? (after ? [after] : []) : [one]))
      : [...own, after]
    return put(this.path, {
      items: changed.map(({ ask, says, not_says, cites, tables, refuses, rows }) => ({
        ask,
        says,
        not_says,
        cites,
        tables,
        refuses,
        rows,
      })),
    })
  }

  /** @param {any} test */
  async #remove(test) {
    if (
      !(await confirmDialog({
        title: 'Delete this test?',
        loses: [`the question “${test.ask}” and what its answer must be like`],
      }))
    )
      return
    try {
      await this.#keep(test, null)
      toast('The test was deleted.', 'good')
    } catch (error) {
      toast(error)
    }
    await this.read()
  }

  async run() {
    fill(
      this.outcome,
      h(
        'div',
        { class: 'notice' },
        h('progress', { 'aria-label': 'Tests run' }),
        `${counted(this.items.length, 'question')} ${this.items.length === 1 ? 'is' : 'are'} being asked…`,
      ),
    )
    try {
      const { results, passed, failed } = await busy(this.runButton, post(`${this.path}/run`))
      const told = failed ? `${failed} of ${results.length} failed.` : `All ${passed} passed.`
      fill(
        this.outcome,
        h('p', { class: `notice ${failed ? 'warn' : 'good'}` }, told),
        h('ul', { class: 'tests results' }, results.map(result)),
      )
    } catch (error) {
      fill(this.outcome, problem(error))
    }
  }
}

/** @param {any} one */
function result(one) {
  const answer = h(
    'details',
    { open: !one.passed },
    h('summary', null, 'Its answer'),
    h('blockquote', { dir: 'auto' }, one.answer || '(nothing)'),
  )
  return h(
    'li',
    null,
    h(
      'div',
      null,
      h(
        'div',
        { class: 'row' },
        one.passed ? badge('passed', 'good') : badge('failed', 'bad'),
        h('strong', { dir: 'auto' }, one.question),
        h('span', { class: 'faint' }, duration(one.took_ms)),
      ),
      one.problems.length > 0 &&
        h(
          'ul',
          null,
          one.problems.map((/** @type {string} */ text) => h('li', { dir: 'auto' }, text)),
        ),
      answer,
    ),
  )
}

/** @param {any} test */
function expectation(test) {
  const quoted = (/** @type {string[]} */ texts) => texts.map((text) => `“${text}”`).join(', ')
  const parts = [
    test.says.length && `says ${quoted(test.says)}`,
    test.not_says.length && `does not say ${quoted(test.not_says)}`,
    test.cites.length && `cites ${quoted(test.cites)}`,
    test.tables.length && `reads ${test.tables.join(', ')}`,
    test.rows !== null && counted(test.rows, 'row'),
    test.refuses && 'declines',
  ].filter(Boolean)
  return parts.length ? `It ${parts.join('; ')}.` : 'It answers at all.'
}

/** @param {Record<string, any>} values */
function testOf(values) {
  const lists = Object.fromEntries(
    LISTS.map((name) => [
      name,
      values[name]
        .split('\n')
        .map((/** @type {string} */ line) => line.trim())
        .filter(Boolean),
    ]),
  )
  return { ask: values.ask.trim(), refuses: values.refuses, rows: values.rows, ...lists }
}
