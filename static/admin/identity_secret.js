// @ts-check
/** The secret with which a team's own site signs who a visitor of its pages is. */
import { get, post } from './api.js'
import { h } from './dom.js'
import { load } from './load.js'
import { showOnce } from './shown_once.js'
import { busy, card, confirmDialog, exactTime, toast } from './ui.js'

/** @param {HTMLElement} panel @returns {Promise<void>} */
export async function identitySecret(panel) {
  await load(
    panel,
    () => get('settings'),
    (body) => {
      const { identity_secret_hint: hint, previous_secret_until: until } = body.widget
      const rotate = h(
        'button',
        {
          type: 'button',
          class: hint ? 'button danger' : 'button primary',
          on: { click: () => newSecret(panel, hint, rotate) },
        },
        hint ? 'Make a new secret' : 'Make the secret',
      )
      return h(
        'div',
        { class: 'narrow' },
        card(
          'Identity secret',
          {},
          h(
            'p',
            null,
            'Your site signs the ids of its users with it, so that the widget knows who they are and nobody can pretend to be another.',
          ),
          hint
            ? h('p', null, 'The secret in use: ', h('code', null, hint))
            : h('p', { class: 'faint' }, 'There is none yet: everybody is a visitor without a name.'),
          until && h('p', { class: 'notice warn' }, `The one before is accepted until ${exactTime(until)}.`),
          rotate,
        ),
      )
    },
  )
}

/** @param {HTMLElement} panel @param {string} hint @param {HTMLButtonElement} button */
async function newSecret(panel, hint, button) {
  const loses = [
    'the secret in use is refused after a day: until then your site has to sign with the new one',
    'one that was replaced within the last day is refused at once',
  ]
  if (
    hint &&
    !(await confirmDialog({
      title: 'Make a new identity secret?',
      loses,
      action: 'Make a new one',
      type: 'rotate',
    }))
  )
    return
  try {
    const { secret } = await busy(button, post('settings/identity-secret'))
    await showOnce({
      title: 'The identity secret',
      text: 'Copy it to your site’s server now: it is not shown again.',
      secret,
      note: 'Never put it into a page.',
    })
  } catch (error) {
    toast(error)
  }
  await identitySecret(panel)
}
