// @ts-check
/** Text that is being written, kept in this window over a reload, another page, or a session that ended. */

const PREFIX = 'appliance.console.draft:'

/** A text under a name; nothing is kept where the browser keeps nothing. */
export class Draft {
  /** @param {string} name */
  constructor(name) {
    this.key = PREFIX + name
  }

  read() {
    try {
      return sessionStorage.getItem(this.key) ?? ''
    } catch {
      return ''
    }
  }

  /** @param {string} text  '' forgets it */
  keep(text) {
    try {
      if (text) sessionStorage.setItem(this.key, text)
      else sessionStorage.removeItem(this.key)
    } catch {
      // no storage, or it is full: the text is where it is written, and nowhere else
    }
  }
}

/** Whoever signs in next in this window finds nothing of it. */
export function forgetDrafts() {
  try {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX)) sessionStorage.removeItem(key)
  } catch {
    // then there is nothing
  }
}
