// @ts-check
/** Where the widget's other files are. The bundle (static/bundle.mjs) puts its version here, and rules where they are read. */
const VERSION = ''

/** Of a file in our folder; files of two versions never meet. @param {string} name */
export function addressOf(name) {
  return new URL(name + VERSION, import.meta.url).href
}

/** What a file in our folder says. @param {string} name @returns {Promise<string>} */
export async function textOf(name) {
  return (await fetch(addressOf(name))).text()
}
