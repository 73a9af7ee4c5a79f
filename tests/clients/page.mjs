// A page for React outside a browser, and how the programs here wait. Import it before react-dom.
import { JSDOM } from 'jsdom'

const dom = new JSDOM('<!doctype html><body><div id="root"></div></body>', {
  url: process.env.URL ?? 'http://localhost/',
  pretendToBeVisual: true,
})

// React and the hooks look for these as a page has them. The page's own WebSocket speaks as browsers do: it takes
// no headers and sends an Origin.
const { window } = dom
for (const name of ['window', 'document', 'navigator', 'WebSocket', 'HTMLElement', 'Event']) {
  Object.defineProperty(globalThis, name, {
    value: name === 'window' ? window : window[name],
    configurable: true,
    writable: true,
  })
}

export const root = window.document.getElementById('root')

/** The first truthy value of `look()`, which is asked often until `patience` is over. */
export async function until(what, look, patience = 15_000) {
  const end = performance.now() + patience
  for (;;) {
    const seen = look()
    if (seen) return seen
    if (performance.now() > end) throw new Error(`never came: ${what}; the page: ${root.textContent}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Type into a field the way React notices it. */
export function type(input, text) {
  Object.getOwnPropertyDescriptor(window.HTMLInputElement.prototype, 'value').set.call(input, text)
  input.dispatchEvent(new window.Event('input', { bubbles: true }))
}
