// @ts-check
/** Statements that were run in this browser, newest first. They stay in this browser, for this account. */

const KEPT = 50
const CHARS_MAX = 10_000

export class History {
  /** @param {string} account */
  constructor(account) {
    this.key = `appliance-console-sql:${account}`
  }

  /** @returns {string[]} */
  all() {
    try {
      const found = JSON.parse(localStorage.getItem(this.key) ?? '[]')
      return Array.isArray(found) ? found.filter((one) => typeof one === 'string') : []
    } catch {
      return []
    }
  }

  /** @param {string} statement */
  add(statement) {
    if (statement.length > CHARS_MAX) return
    this.#keep([statement, ...this.all().filter((one) => one !== statement)].slice(0, KEPT))
  }

  clear() {
    this.#keep([])
  }

  /** A browser may keep nothing at all: then there is no history, and that is all. @param {string[]} statements */
  #keep(statements) {
    try {
      localStorage.setItem(this.key, JSON.stringify(statements))
    } catch (error) {
      console.warn('the history of statements cannot be kept', error)
    }
  }
}
