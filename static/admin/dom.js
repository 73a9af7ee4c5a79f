// @ts-check
/** Elements of the console: built as nodes, all text as text, and no attribute that could run or style. */

/** What can be put into an element; lists of it are laid flat. @typedef {Node | string | number | false | null | undefined | readonly any[]} Child */

/**
 * @typedef {object} Special
 * @property {string | false | null} [class]
 * @property {Record<string, (event: any) => void>} [on]    listeners by the event's name
 * @property {Record<string, string | number>} [data]       `data-` attributes
 */

/** @typedef {Special & Record<string, any>} Props */

const SVG = 'http://www.w3.org/2000/svg'
/** Attributes that a browser follows. */
const ADDRESSES = ['href', 'src', 'action', 'formaction', 'poster', 'cite']
const SCHEMES = ['http:', 'https:', 'mailto:', 'blob:']
/** What has to be set as a property, as the attribute is only its first value. */
const PROPERTIES = ['value', 'checked', 'selected', 'indeterminate', 'muted']
const NEVER = /^(on|style$|srcdoc$)/i

/**
 * An HTML element with its attributes and children.
 * Booleans set or leave out an attribute; `null`, `undefined` and `false` children are left out.
 * @param {string} tag
 * @param {Props | null} [props]
 * @param {...Child} children
 * @returns {any} the element (`any`, as its kind depends on `tag`)
 */
export function h(tag, props, ...children) {
  const node = document.createElement(tag)
  const late = dress(node, props ?? {})
  node.append(...nodes(children))
  for (const [name, value] of late) /** @type {any} */ (node)[name] = value
  return node
}

/**
 * An SVG element; only attributes, and children as with `h`.
 * @param {string} tag @param {Record<string, any> | null} [props] @param {...Child} children
 * @returns {any}
 */
export function svg(tag, props, ...children) {
  const node = document.createElementNS(SVG, tag)
  dress(node, props ?? {})
  node.append(...nodes(children))
  return node
}

/** Put these in the place of all that is in there. @param {Element} node @param {...Child} children */
export function fill(node, ...children) {
  node.replaceChildren(...nodes(children))
}

/** @param {Child[]} children @returns {(Node | string)[]} */
function nodes(children) {
  const flat = /** @type {Exclude<Child, Child[]>[]} */ (children.flat(Infinity))
  return flat
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)))
}

/** @param {Element} node @param {Props} props @returns {[string, unknown][]} properties to be set last */
function dress(node, { class: classes, on, data, ...attributes }) {
  if (classes) node.setAttribute('class', classes)
  for (const [name, listener] of Object.entries(on ?? {})) node.addEventListener(name, listener)
  for (const [name, value] of Object.entries(data ?? {})) node.setAttribute(`data-${name}`, String(value))
  /** @type {[string, unknown][]} */
  const late = []
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null) continue
    if (PROPERTIES.includes(name)) late.push([name, value])
    else attribute(node, name, value)
  }
  return late
}

/** @param {Element} node @param {string} name @param {unknown} value */
function attribute(node, name, value) {
  if (NEVER.test(name)) throw new Error(`The attribute ${name} is not for here: use \`on\` and classes.`)
  if (value === false && !name.startsWith('aria-')) return
  if (ADDRESSES.includes(name) && !isHarmless(String(value))) return
  node.setAttribute(name, value === true && !name.startsWith('aria-') ? '' : String(value))
}

/** Whether an address leads to a page or file, and runs nothing. @param {string} address */
export function isHarmless(address) {
  try {
    return SCHEMES.includes(new URL(address, location.href).protocol)
  } catch {
    return false
  }
}
