// @ts-check
/** What the page keeps in the browser: the visitor's token, the conversation, questions on their way. */

/** Keeps values under names of one prefix; a browser without storage keeps them as long as the page. */
export class Memory {
  /** @param {string} prefix */
  constructor(prefix) {
    this.prefix = prefix
    /** @type {Map<string, unknown>} */
    this.values = new Map()
  }

  /** @param {string} name @returns {any} */
  get(name) {
    try {
      const text = localStorage.getItem(this.prefix + name)
      return text === null ? null : JSON.parse(text)
    } catch {
      return this.values.get(name) ?? null
    }
  }

  /** @param {string} name @param {unknown} value  null removes it */
  set(name, value) {
    this.values.set(name, value)
    try {
      if (value === null) localStorage.removeItem(this.prefix + name)
      else localStorage.setItem(this.prefix + name, JSON.stringify(value))
    } catch {
      // private mode, or full: `values` has it
    }
  }
}
