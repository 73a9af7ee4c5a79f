// @ts-check
/** What the widget keeps in the browser: the visitor's token, the conversation, drafts, questions on their way. */

/** Keeps values under names of one prefix; where the browser allows no storage, as long as the page. */
export class Memory {
  /** @param {string} prefix @param {'localStorage' | 'sessionStorage'} [kind]  of the browser, or of the tab */
  constructor(prefix, kind = 'localStorage') {
    this.prefix = prefix
    this.kind = kind
    /** @type {Map<string, unknown>} */
    this.values = new Map()
  }

  /** @param {string} name @returns {any} */
  get(name) {
    try {
      return JSON.parse(window[this.kind][this.prefix + name] ?? null)
    } catch {
      return this.values.get(name) ?? null
    }
  }

  /** @param {string} name @param {unknown} value  null removes it */
  set(name, value) {
    this.values.set(name, value)
    try {
      if (value === null) delete window[this.kind][this.prefix + name]
      else window[this.kind][this.prefix + name] = JSON.stringify(value)
    } catch {
      // private mode, or full: `values` has it
    }
  }
}
