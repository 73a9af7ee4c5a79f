// @ts-check
/** The few ways in which the widget makes nodes: never from text that is parsed. */

/** @typedef {Node | string | false | null | undefined} Child  what is false leaves nothing behind */

/**
 * @param {string} tag @param {string | Record<string, unknown>} [look]  its classes, or properties
 * @param {Child[]} children @returns {HTMLElement}
 */
export function element(tag, look, ...children) {
  const node = document.createElement(tag)
  if (look) Object.assign(node, typeof look === 'string' ? { className: look } : look)
  node.append(.../** @type {(Node | string)[]} */ (children.filter(Boolean)))
  return node
}

/**
 * A button with words on it.
 * @param {string} className @param {string} text @param {(event: Event) => void} act @returns {HTMLButtonElement}
 */
export function button(className, text, act) {
  const node = /** @type {HTMLButtonElement} */ (element('button', { className, type: 'button' }, text))
  node.addEventListener('click', act)
  return node
}

/** A button with a picture on it, drawn as a line of 24 by 24. @param {string} path @param {string} name @param {(event: Event) => void} act */
export function iconButton(path, name, act) {
  const node = button('icon', '', act)
  node.append(picture(drawn('path', { d: path })))
  node.ariaLabel = node.title = name
  return node
}

/** 24 by 24, for eyes only. @param {Node[]} children */
export function picture(...children) {
  return drawn('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true' }, ...children)
}

/** A link that opens beside the page; null for an address that nobody should follow. @param {string | undefined} address @param {string} [text] */
export function linkOut(address = '', text = '') {
  if (!/^(https?:\/\/|mailto:|tel:)\S+$/i.test(address) || !URL.canParse(address)) return null
  const link = element('a', { target: '_blank', rel: 'noopener noreferrer nofollow' }, text)
  link.setAttribute('href', address) // as it is written
  return link
}

/** A node of a picture. @param {string} tag @param {Record<string, string | number>} attributes @param {(Node | string)[]} children */
export function drawn(tag, attributes, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const name in attributes) node.setAttribute(name, String(attributes[name]))
  node.append(...children)
  return node
}
