// @ts-check
/** Secrets and links that are shown once: to be copied, and gone when the dialog closes. */
import { h } from './dom.js'
import { copyButton, openDialog } from './ui.js'

/** @param {{title: string, text: string, secret: string, note?: import('./dom.js').Child}} what */
export function showOnce({ title, text, secret, note }) {
  return openDialog({
    title,
    content: (close) => {
      const box = h('input', {
        class: 'code',
        readonly: true,
        value: secret,
        'aria-label': title,
        autofocus: true,
        on: { focus: () => box.select() },
      })
      return h(
        'div',
        { class: 'stack' },
        h('p', null, text),
        box,
        note && h('p', { class: 'faint' }, note),
        h(
          'div',
          { class: 'dialog-foot' },
          copyButton(secret),
          h('button', { type: 'button', class: 'button primary', on: { click: () => close(true) } }, 'Done'),
        ),
      )
    },
  })
}
