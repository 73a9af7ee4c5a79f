// @ts-check
/** Parts of a page that come from the server: grey lines while they load, the reason and another try when they fail. */
import { fill, h } from './dom.js'
import { loading, problem } from './ui.js'

/** @typedef {import('./dom.js').Child} Child */

/**
 * @template T
 * @param {Element} box                         what is in it gives way to what is read
 * @param {() => Promise<T>} read
 * @param {(body: T) => Child | Child[]} show
 * @param {{quiet?: boolean}} [options]         `quiet`: what is shown stays while it is read anew
 * @returns {Promise<T | undefined>} undefined when it failed, which the box tells
 */
export async function load(box, read, show, { quiet = false } = {}) {
  if (!quiet) fill(box, loading())
  box.setAttribute('aria-busy', 'true')
  try {
    const body = await read()
    fill(box, show(body))
    return body
  } catch (error) {
    fill(
      box,
      problem(error, () => load(box, read, show)),
    )
    return undefined
  } finally {
    box.removeAttribute('aria-busy')
  }
}

/** Names and what they are, as pairs; those without a value are left out. @param {[string, Child | Child[]][]} pairs */
export function facts(pairs) {
  const told = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '')
  return h(
    'dl',
    { class: 'facts' },
    told.flatMap(([name, value]) => [h('dt', null, name), h('dd', null, value)]),
  )
}

/** What a list's body holds, whichever of our wires it speaks. @param {any} body @returns {any[]} */
export function listed(body) {
  if (Array.isArray(body)) return body
  return body?.items ?? Object.values(body ?? {}).find(Array.isArray) ?? []
}

/** Unix seconds of a time that is told as seconds or as an ISO text; 0 for none. @param {number | string | null | undefined} at */
export function seconds(at) {
  return typeof at === 'string' ? Date.parse(at) / 1000 : (at ?? 0)
}

/** "1 document", "2 documents". @param {number} count @param {string} one @param {string} [many] */
export function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString()} ${count === 1 ? one : many}`
}
