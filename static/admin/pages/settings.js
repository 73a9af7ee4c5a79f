// @ts-check
/** How this appliance is set up: the environment, values and secrets for bots, prices and the month's budget. */
import { botValues } from '../bot_values.js'
import { environment } from '../environment.js'
import { identitySecret } from '../identity_secret.js'
import { prices } from '../prices.js'
import { pageHead, tabs } from '../ui.js'

export const page = {
  path: 'settings',
  title: 'Settings',
  role: 'admin',
  /** @param {HTMLElement} root @param {any} context */
  async show(root, { query, setQuery }) {
    root.replaceChildren(
      pageHead('Settings'),
      tabs(
        [
          { id: 'values', label: 'Values and secrets', show: botValues },
          { id: 'prices', label: 'Prices and budget', show: prices },
          { id: 'widget', label: 'Widget', show: identitySecret },
          { id: 'environment', label: 'Environment', show: environment },
        ],
        {
          active: query.tab,
          label: 'Settings',
          onChange: (tab) => setQuery({ tab: tab === 'values' ? null : tab }),
        },
      ),
    )
  },
}
