// @ts-check
/** Statements on the team's data: read-only, time-limited, audited. */
import { download, get, post } from '../api.js'
import { fill, h } from '../dom.js'
import { Draft } from '../drafts.js'
import { grid, inWords } from '../grid.js'
import { History } from '../history.js'
import { counted, facts, listed, load } from '../load.js'
import {
  busy,
  confirmDialog,
  copyButton,
  emptyState,
  number,
  openDialog,
  pageHead,
  problem,
  toast,
} from '../ui.js'

/** @typedef {{name: string, columns: {name: string, type: string}[], rows: number | null}} Table */

const LEAD = 'Ask the data itself. Statements can read and change nothing; each one is kept in the audit log.'

export const page = {
  path: 'sql',
  title: 'SQL',
  role: 'admin',
  /** @param {HTMLElement} root @param {any} context */
  async show(root, { account, query }) {
    const desk = new Desk(new History(account.name))
    root.replaceChildren(pageHead('SQL', { lead: LEAD }), desk.node)
    if (query.sql) desk.put(query.sql)
    desk.editor.focus()
    await desk.loadTables()
  },
}

class Desk {
  /** @param {History} history */
  constructor(history) {
    this.history = history
    this.draft = new Draft('sql')
    this.editor = /** @type {HTMLTextAreaElement} */ (
      h('textarea', {
        id: 'sql',
        class: 'code',
        rows: '7',
        spellcheck: 'false',
        autocapitalize: 'off',
        autocomplete: 'off',
        'aria-describedby': 'sql-hint',
        value: this.draft.read(),
        on: { input: () => this.draft.keep(this.editor.value) },
      })
    )
    this.runButton = /** @type {HTMLButtonElement} */ (
      h('button', { type: 'button', class: 'button primary', on: { click: () => this.run() } }, 'Run')
    )
    this.csvButton = /** @type {HTMLButtonElement} */ (
      h(
        'button',
        { type: 'button', class: 'button', on: { click: () => this.save() } },
        'Save all rows as CSV',
      )
    )
    this.told = h('p', { class: 'told', role: 'status' })
    this.outcome = h('div', { class: 'outcome' })
    this.tables = h('div', { class: 'tables' })
    this.past = h('div', { class: 'past' })
    this.editor.addEventListener('keydown', (event) => this.#key(event))
    this.node = this.#frame()
    this.#showPast()
  }

  #frame() {
    const hint = h(
      'p',
      { id: 'sql-hint', class: 'hint' },
      h('kbd', {}, 'Ctrl'),
      ' + ',
      h('kbd', {}, 'Enter'),
      ' runs it. ',
      h('kbd', {}, 'Tab'),
      ' moves on.',
    )
    const desk = h(
      'section',
      { class: 'sql-desk', 'aria-label': 'Editor and result' },
      h('label', { for: 'sql' }, 'Statement'),
      this.editor,
      h('div', { class: 'row' }, this.runButton, this.csvButton, hint),
      this.told,
      this.outcome,
    )
    const side = h(
      'div',
      { class: 'sql-side' },
      h('h2', {}, 'Tables'),
      this.tables,
      h('h2', {}, 'History'),
      this.past,
    )
    return h('div', { class: 'sql' }, desk, side)
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
    event.preventDefault()
    this.run()
  }

  /** @param {string} statement */
  put(statement) {
    this.editor.value = statement
    this.draft.keep(statement)
    this.editor.focus()
  }

  async run() {
    if (this.runButton.disabled) return
    const sql = this.editor.value.trim()
    if (!sql) return this.#tell('Write a statement first, such as SELECT 1.')
    this.#tell('Running…')
    this.outcome.querySelector('.problem')?.remove()
    this.outcome.setAttribute('aria-busy', 'true')
    try {
      const found = await busy(this.runButton, post('sql', { sql }))
      this.history.add(sql)
      this.#showPast()
      this.#show(found)
    } catch (error) {
      this.#tell('The statement was not run to its end.')
      this.outcome.replaceChildren(problem(error))
    } finally {
      this.outcome.removeAttribute('aria-busy')
    }
  }

  /** @param {any} found */
  #show(found) {
    const shown = found.rows.length
    const count = found.truncated ? `The first ${number(shown)} rows` : counted(shown, 'row')
    const more = found.truncated
      ? ' There are more: narrow the statement with WHERE or LIMIT, or save all as CSV.'
      : ''
    this.#tell(`${count} in ${number(Math.round(found.duration_ms))} ms.${more}`)
    if (!shown) {
      this.outcome.replaceChildren(
        emptyState({ title: 'No rows', text: 'The statement is fine, and nothing fits it.' }),
      )
      return
    }
    this.outcome.replaceChildren(grid(found, (row, at) => showRow(found.columns, row, at)))
  }

  async save() {
    const sql = this.editor.value.trim()
    if (!sql) return this.#tell('Write a statement first, such as SELECT 1.')
    try {
      await busy(
        this.csvButton,
        download('sql/export', { method: 'POST', body: { sql }, name: 'result.csv' }),
      )
      this.#tell('The rows were saved as a CSV file.')
    } catch (error) {
      this.#tell('No file was saved.')
      this.outcome.replaceChildren(problem(error))
    }
  }

  loadTables() {
    return load(
      this.tables,
      () => get('sql/tables'),
      (body) => {
        const tables = /** @type {Table[]} */ (listed(body))
        if (tables.length) return tables.map((table) => this.#table(table))
        return emptyState({
          title: 'No tables yet',
          text: 'Bring data in on the command line: appliance data import FILE.',
        })
      },
    )
  }

  /** @param {Table} table */
  #table(table) {
    const rows = table.rows === null ? '' : number(table.rows)
    const columns = table.columns.map((column) =>
      h(
        'li',
        {},
        h(
          'button',
          { type: 'button', class: 'name-button', on: { click: () => this.#insert(quoted(column.name)) } },
          column.name,
        ),
        h('span', { class: 'faint' }, column.type.toLowerCase()),
      ),
    )
    const look = h(
      'button',
      { type: 'button', class: 'button small', on: { click: () => this.#look(table) } },
      'Show 100 rows',
    )
    return h(
      'details',
      { class: 'table-facts' },
      h('summary', {}, h('span', { class: 'name' }, table.name), h('span', { class: 'faint' }, rows)),
      look,
      h('ul', {}, columns),
    )
  }

  /** @param {Table} table */
  #look(table) {
    this.put(`SELECT * FROM ${table.name.split('.').map(quoted).join('.')} LIMIT 100`)
    this.run()
  }

  /** @param {string} text */
  #insert(text) {
    const { selectionStart, selectionEnd } = this.editor
    this.editor.setRangeText(text, selectionStart, selectionEnd, 'end')
    this.draft.keep(this.editor.value)
    this.editor.focus()
  }

  #showPast() {
    const statements = this.history.all()
    if (!statements.length) {
      this.past.replaceChildren(
        h('p', { class: 'faint' }, 'Statements that you run are listed here, in this browser only.'),
      )
      return
    }
    const items = statements.map((one) =>
      h(
        'li',
        {},
        h(
          'button',
          { type: 'button', class: 'name-button statement', on: { click: () => this.put(one) } },
          one.length > 120 ? `${one.slice(0, 120)}…` : one,
        ),
      ),
    )
    const clear = h(
      'button',
      { type: 'button', class: 'button small', on: { click: () => this.#forget(statements.length) } },
      'Clear history',
    )
    this.past.replaceChildren(h('ul', {}, items), clear)
  }

  /** @param {number} count */
  async #forget(count) {
    const loses = [`${counted(count, 'statement')} kept in this browser`]
    if (
      !(await confirmDialog({
        title: 'Clear the history?',
        text: 'The audit log keeps what was run.',
        loses,
        action: 'Clear',
      }))
    )
      return
    this.history.clear()
    this.#showPast()
    toast('The history is empty.', 'good')
  }

  /** @param {string} text */
  #tell(text) {
    this.told.textContent = text
  }
}

/** One row with all its values whole. @param {string[]} columns @param {unknown[]} row @param {number} at */
function showRow(columns, row, at) {
  const json = JSON.stringify(Object.fromEntries(columns.map((name, index) => [name, row[index]])), null, 2)
  const pairs = /** @type {[string, any][]} */ (
    columns.map((name, index) => [
      name,
      row[index] == null
        ? h('span', { class: 'null' }, 'NULL')
        : h('span', { class: 'whole', dir: 'auto' }, inWords(row[index])),
    ])
  )
  return openDialog({
    title: `Row ${at}`,
    wide: true,
    content: () => [facts(pairs), h('div', { class: 'dialog-foot' }, copyButton(json))],
  })
}

/** A name as SQLite takes any. @param {string} name */
function quoted(name) {
  return /^[a-z_][a-z0-9_]*$/i.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}
