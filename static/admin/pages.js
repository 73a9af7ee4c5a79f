// @ts-check
/** The console's pages: where they stand in the navigation, who may open them, and their modules, loaded when wanted. */

/**
 * @typedef {object} Context
 * @property {string[]} params                  what follows the page's name in the address
 * @property {Record<string, string>} query
 * @property {Account} account                  who is signed in
 * @property {(...parts: (string | import('./route.js').Query)[]) => void} navigate
 *   goes to a page: `navigate('bots', id)`; also takes a whole address inside the console
 * @property {(query: import('./route.js').Query) => void} setQuery  puts filters into the address, without a new page
 * @property {(session: any) => Promise<void>} enter  takes a new state of the session over, as after a login
 * @property {any} session                      what `GET /session` told
 * @property {AbortSignal} signal               aborted when the page is left
 */

/** @typedef {{name: string, display_name: string, role: 'admin' | 'operator', totp: boolean}} Account */

/**
 * @typedef {object} Page
 * @property {string} path
 * @property {string} title
 * @property {'admin' | 'operator'} [role]      the least role that may open it
 * @property {(root: HTMLElement, context: Context) => Promise<void | (() => void)> | void | (() => void)} show
 */

/**
 * @typedef {object} Entry
 * @property {string} path
 * @property {string} title
 * @property {string} key       the letter behind `g`
 * @property {'admin' | 'operator'} role
 * @property {string} group
 * @property {() => Promise<{page: Page}>} load
 */

/** @param {any} module @returns {Promise<{page: Page}>} */
const typed = (module) => module

/** @type {Entry[]} */
export const ENTRIES = [
  {
    path: 'overview',
    title: 'Overview',
    key: 'o',
    role: 'operator',
    group: 'Now',
    load: () => typed(import('./pages/overview.js')),
  },
  {
    path: 'conversations',
    title: 'Conversations',
    key: 'c',
    role: 'operator',
    group: 'Now',
    load: () => typed(import('./pages/conversations.js')),
  },
  {
    path: 'live',
    title: 'Live',
    key: 'l',
    role: 'operator',
    group: 'Now',
    load: () => typed(import('./pages/live.js')),
  },
  {
    path: 'bots',
    title: 'Bots',
    key: 'b',
    role: 'admin',
    group: 'Bots',
    load: () => typed(import('./pages/bots.js')),
  },
  {
    path: 'playground',
    title: 'Playground',
    key: 'p',
    role: 'admin',
    group: 'Bots',
    load: () => typed(import('./pages/playground.js')),
  },
  {
    path: 'knowledge',
    title: 'Knowledge',
    key: 'k',
    role: 'admin',
    group: 'Bots',
    load: () => typed(import('./pages/knowledge.js')),
  },
  {
    path: 'gaps',
    title: 'Gaps',
    key: 'a',
    role: 'operator',
    group: 'Bots',
    load: () => typed(import('./pages/gaps.js')),
  },
  {
    path: 'sql',
    title: 'SQL',
    key: 'q',
    role: 'admin',
    group: 'Bots',
    load: () => typed(import('./pages/sql.js')),
  },
  {
    path: 'providers',
    title: 'Models',
    key: 'm',
    role: 'admin',
    group: 'Access',
    load: () => typed(import('./pages/providers.js')),
  },
  {
    path: 'keys',
    title: 'Keys',
    key: 'y',
    role: 'admin',
    group: 'Access',
    load: () => typed(import('./pages/keys.js')),
  },
  {
    path: 'users',
    title: 'Users',
    key: 'u',
    role: 'admin',
    group: 'Access',
    load: () => typed(import('./pages/users.js')),
  },
  {
    path: 'people',
    title: 'Team',
    key: 't',
    role: 'admin',
    group: 'Access',
    load: () => typed(import('./pages/people.js')),
  },
  {
    path: 'audit',
    title: 'Audit log',
    key: 'i',
    role: 'admin',
    group: 'System',
    load: () => typed(import('./pages/audit.js')),
  },
  {
    path: 'backups',
    title: 'Backups',
    key: 'd',
    role: 'admin',
    group: 'System',
    load: () => typed(import('./pages/backups.js')),
  },
  {
    path: 'settings',
    title: 'Settings',
    key: 's',
    role: 'admin',
    group: 'System',
    load: () => typed(import('./pages/settings.js')),
  },
]

/** Pages that are not in the list of the navigation. @type {Record<string, () => Promise<{page: Page}>>} */
export const OTHERS = {
  account: () => typed(import('./pages/account.js')),
  login: () => typed(import('./pages/login.js')),
  setup: () => typed(import('./pages/setup.js')),
}

/** @param {Account} account */
export const entriesFor = (account) =>
  ENTRIES.filter(({ role }) => role === 'operator' || account.role === 'admin')
