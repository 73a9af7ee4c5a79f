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
      const text = window[this.kind].getItem(this.prefix + name)
      return text === null ? null : JSON.parse(text)
    } catch {
      return this.values.get(name) ?? null
    }
  }

  /** @param {string} name @param {unknown} value  null removes it */
  set(name, value) {
    this.values.set(name, value)
    try {
      if (value === null) window[this.kind].removeItem(this.prefix + name)
      else window[this.kind].setItem(this.prefix + name, JSON.stringify(value))
    } catch {
      // private mode, or full: `values` has it
    }
  }
}
