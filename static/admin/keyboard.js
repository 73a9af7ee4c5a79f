// @ts-check
/** Keys: `/` searches, `g` and a letter goes to a page, `?` shows them all. None while something is typed. */
import { h } from './dom.js'
import { entriesFor } from './pages.js'
import { openDialog } from './ui.js'

/** @typedef {import('./pages.js').Account} Account */

const SECOND_KEY_MS = 1500

/**
 * @param {(...parts: (string | import('./route.js').Query)[]) => void} navigate
 * @param {() => Account | null | undefined} account
 */
export function listenToKeys(navigate, account) {
  let going = 0
  document.addEventListener('keydown', (event) => {
    const who = account()
    if (
      !who ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      isTyping(event.target) ||
      document.querySelector('dialog[open]')
    )
      return
    if (Date.now() < going) {
      going = 0
      const entry = entriesFor(who).find(({ key }) => key === event.key.toLowerCase())
      if (entry) navigate(entry.path)
      if (entry) event.preventDefault()
      return
    }
    if (event.key === 'g') going = Date.now() + SECOND_KEY_MS
    if (event.key === '?') helpDialog(who)
    if (event.key !== '/') return
    event.preventDefault()
    const box = /** @type {HTMLInputElement | null} */ (document.querySelector('#main input[type=search]'))
    if (box) box.select()
    if (box) box.focus()
    else navigate('conversations', { find: 1 })
  })
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) ||
      target.tagName.includes('-'))
  )
}

/** @param {Account} account */
export function helpDialog(account) {
  const rows = [
    ['/', 'Search'],
    ['?', 'These shortcuts'],
    ['Esc', 'Close what is open'],
    ...entriesFor(account).map(({ key, title }) => [`g ${key}`, title]),
  ]
  return openDialog({
    title: 'Keyboard shortcuts',
    content: () =>
      h(
        'dl',
        { class: 'shortcuts' },
        rows.map(([keys, what]) =>
          h(
            'div',
            null,
            h(
              'dt',
              null,
              keys.split(' ').map((key) => h('kbd', null, key)),
            ),
            h('dd', null, what),
          ),
        ),
      ),
  })
}
