// @ts-check
/** One bot: whether it is well, how pages show it, what it may use, its settings, code, differences and tests. */
import { again } from '../again.js'
import { del, get, post } from '../api.js'
import { BotCode } from '../bot_code.js'
import { BotTests } from '../bot_tests.js'
import { overridesForm } from '../bot_overrides.js'
import { fill, h } from '../dom.js'
import { facts, load, seconds } from '../load.js'
import { pageUrl } from '../route.js'
import {
  badge,
  busy,
  card,
  confirmDialog,
  copyButton,
  emptyState,
  number,
  pageHead,
  tabs,
  toast,
  when,
} from '../ui.js'
import { badges, sourceOf } from './bots.js'

/** Its file changes without a word to us. */
const LOOK_MS = 3000
const BACK = { href: pageUrl('bots'), label: 'Bots' }

/** @param {HTMLElement} root @param {any} context */
export async function show(root, { params, query, setQuery, signal, navigate }) {
  const path = `bots/${encodeURIComponent(params[0])}`
  const box = h('div', { class: 'stack' })
  /** Where somebody is stays open when the bot is read anew. @type {string | undefined} */
  let active = query.tab
  const onTab = (/** @type {string} */ tab) => {
    active = tab
    setQuery({ tab: tab === 'about' ? null : tab })
  }
  fill(root, pageHead('Bot', { back: BACK }), box)
  const news = h('div', { class: 'stack', 'aria-live': 'polite' })
  let shown = ''
  /** What is above the tabs. @param {any} bot */
  const top = (bot) => {
    shown = stateOf(bot)
    root.firstElementChild?.replaceWith(head(bot, path, read))
    fill(news, found(bot))
  }
  const read = async (quiet = true) => {
    const focused = box.contains(document.activeElement)
    await load(
      box,
      () => get(path),
      (bot) => {
        top(bot)
        return [news, parts(bot, path, { active, onTab, read, navigate })]
      },
      { quiet },
    )
    if (focused) box.querySelector('[role=tab][aria-selected=true]')?.focus()
  }
  await read(false)
  const look = async () => {
    const bot = await get(path, {}, signal)
    if (!shown || stateOf(bot) === shown || signal.aborted) return
    // What somebody writes or chooses is not taken out of their hands.
    const isAtWork = box.querySelector('form, textarea') || document.querySelector('dialog[open]')
    if (isAtWork) top(bot)
    else await read()
  }
  again(LOOK_MS, look, signal)
}

/** What makes a page of a bot old when it changes. @param {any} bot */
function stateOf({ errors, warnings, enabled, code, version, title, source }) {
  return JSON.stringify([errors, warnings, enabled, code, version, title, source])
}

/** @param {any} bot @param {string} path @param {() => void} read */
function head(bot, path, read) {
  const toggle = h(
    'button',
    {
      type: 'button',
      class: bot.enabled ? 'button risky' : 'button primary',
      on: { click: () => change(bot, path, toggle, read) },
    },
    bot.enabled ? 'Disable' : 'Enable',
  )
  const open = h('a', { class: 'button', href: pageUrl('playground', { bot: bot.id }) }, 'Try it')
  return pageHead(bot.title || bot.name, {
    back: BACK,
    lead: bot.description,
    actions: [h('div', { class: 'badges' }, badges(bot)), bot.enabled && open, toggle],
  })
}

/** @param {any} bot @param {string} path @param {HTMLButtonElement} button @param {() => void} read */
async function change(bot, path, button, read) {
  const loses = [
    'visitors get no answers from it until it is enabled again',
    'answers that are being written are finished',
  ]
  if (
    bot.enabled &&
    !(await confirmDialog({ title: `Disable ${bot.title || bot.name}?`, loses, action: 'Disable' }))
  )
    return
  try {
    await busy(button, post(`${path}/toggle`, { enabled: !bot.enabled }))
    toast(bot.enabled ? 'The bot is off.' : 'The bot is on.', 'good')
  } catch (error) {
    toast(error)
  }
  read()
}

/** What is wrong with it. @param {any} bot */
function found(bot) {
  const served = 'The last good version is served, if there was one. Mend the file and save it.'
  return [findings('Errors', bot.errors, 'bad', served), findings('Warnings', bot.warnings, 'warn', '')]
}

/**
 * @param {any} bot @param {string} path
 * @param {{active?: string, onTab: (tab: string) => void, read: () => Promise<unknown>, navigate: (...parts: string[]) => void}} page
 */
function parts(bot, path, { active, onTab, read, navigate }) {
  return tabs(
    [
      { id: 'about', label: 'Overview', show: (panel) => fill(panel, about(bot, path, navigate)) },
      {
        id: 'limits',
        label: 'Limits and choices',
        show: (panel) => fill(panel, overridesForm(bot, path, read)),
      },
      { id: 'settings', label: 'All settings', show: (panel) => fill(panel, settings(bot)) },
      { id: 'code', label: 'Prompt and code', show: (panel) => new BotCode(bot, path, read).show(panel) },
      { id: 'diff', label: 'Differences', show: (panel) => diff(panel, path) },
      { id: 'tests', label: 'Tests', show: (panel) => new BotTests(path, bot).show(panel) },
    ],
    { active, label: 'Bot', onChange: onTab },
  )
}

/** Lines about its file, each with file and line. @param {string} title @param {string[]} lines @param {'bad' | 'warn'} kind @param {string} text */
function findings(title, lines, kind, text) {
  if (!lines.length) return null
  return card(
    title,
    { class: `findings ${kind}` },
    h(
      'ul',
      null,
      lines.map((line) => h('li', null, h('code', { dir: 'auto' }, line))),
    ),
    text && h('p', { class: 'faint' }, text),
  )
}

/** @param {any} bot @param {string} path @param {(...parts: string[]) => void} navigate */
function about(bot, path, navigate) {
  return [
    card(
      'Put it on a page',
      {},
      h('p', { class: 'faint' }, 'One line, anywhere in the page’s HTML.'),
      h('pre', { tabindex: 0, role: 'region', 'aria-label': 'Line for your page' }, bot.embed),
      copyButton(bot.embed, 'Copy the line'),
    ),
    h(
      'div',
      { class: 'columns' },
      card(
        'Today',
        {},
        facts([
          ['Answers', number(bot.messages_today)],
          ['Tokens', number(bot.tokens_today)],
          ['Model', bot.model || '–'],
          ['Provider', bot.provider || '–'],
        ]),
      ),
      card('Limits of each person', {}, limits(bot.limits)),
      card('What it may use', {}, uses(bot)),
      card(
        'Where it is from',
        {},
        facts([
          ['Name', h('code', null, `${bot.namespace}/${bot.name}`)],
          ['From', sourceOf(bot)],
          ['Version', String(bot.version)],
          ['Changed', when(seconds(bot.updated_at))],
        ]),
      ),
    ),
    !bot.has_file && deleting(bot, path, navigate),
  ]
}

/** A bot of a file goes with its file; another one can be deleted here. @param {any} bot @param {string} path @param {(...parts: string[]) => void} navigate */
function deleting(bot, path, navigate) {
  const name = bot.title || bot.name
  const loses = ['its prompt and its code', 'all conversations that people had with it']
  const remove = async () => {
    if (!(await confirmDialog({ title: `Delete ${name}?`, loses, action: 'Delete', type: bot.name }))) return
    await busy(button, del(path))
    toast('The bot was deleted.', 'good')
    navigate('bots')
  }
  const props = { type: 'button', class: 'button danger', on: { click: remove } }
  const button = h('button', props, 'Delete this bot')
  return card('Delete', {}, h('p', null, 'To silence it for a while, disable it instead.'), button)
}

/** @param {any} limits */
function limits(limits) {
  const most = (/** @type {number} */ count) => (count ? number(count) : 'no limit')
  return facts([
    ['Questions a minute', most(limits.rate_limit_per_minute)],
    ['Questions a day', most(limits.daily_request_limit)],
    ['Tokens a day', most(limits.daily_token_budget)],
    ['Messages of a conversation', most(limits.max_conversation_turns)],
    ['Tokens of an answer', most(limits.max_tokens)],
    ['Kept after the last word', `${number(limits.conversation_ttl_hours)} hours`],
  ])
}

/** @param {any} bot */
function uses(bot) {
  const bases = bot.knowledge_bases.map((/** @type {any} */ base) =>
    h(
      'li',
      null,
      h('a', { href: pageUrl('knowledge', base.id) }, base.name),
      !base.enabled && [' ', badge('off')],
    ),
  )
  return [
    h('h3', null, 'Tables'),
    bot.tables.length
      ? h(
          'p',
          { class: 'badges' },
          bot.tables.map((/** @type {string} */ name) => badge(name)),
        )
      : h('p', { class: 'faint' }, 'None: it reads no data.'),
    h('h3', null, 'Knowledge bases'),
    bases.length
      ? h('ul', { class: 'plain-list' }, bases)
      : h('p', { class: 'faint' }, 'None: it looks nothing up. Name some in its file.'),
  ]
}

/** Every setting in effect; what was chosen here is marked. @param {any} bot */
function settings(bot) {
  const chosen = new Set(Object.keys(bot.overrides).flatMap((name) => [name, OTHER_NAMES[name] ?? name]))
  const rows = Object.entries(bot.settings).map(([name, value]) =>
    h(
      'tr',
      { class: isNothing(value) ? 'unset' : null },
      h(
        'th',
        { scope: 'row' },
        name.replaceAll('_', '-'),
        chosen.has(name) && h('div', null, badge('chosen here', 'info')),
      ),
      h(
        'td',
        null,
        isNothing(value)
          ? h('span', { class: 'faint' }, 'not set')
          : h('code', { dir: 'auto' }, typeof value === 'string' ? value : JSON.stringify(value)),
      ),
    ),
  )
  return h(
    'div',
    { class: 'table-frame', tabindex: 0, role: 'region', 'aria-label': 'Settings' },
    h(
      'table',
      { class: 'settings' },
      h(
        'thead',
        null,
        h(
          'tr',
          null,
          ['Setting', 'In effect'].map((label) => h('th', { scope: 'col' }, label)),
        ),
      ),
      h('tbody', null, rows),
    ),
  )
}

/** What overrides are called among the settings. @type {Record<string, string>} */
const OTHER_NAMES = {
  provider_id: 'provider',
  max_conversation_turns: 'max_turns',
  is_public: 'public',
  conversation_ttl_hours: 'conversation_ttl_s',
}

/** @param {any} value */
function isNothing(value) {
  return value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0)
}

const MARKS = { same: ' ', added: '+', removed: '−' }
const WORDS = { same: '', added: 'added: ', removed: 'removed: ' }

/** @param {HTMLElement} panel @param {string} path */
function diff(panel, path) {
  return load(
    panel,
    () => get(`${path}/diff`),
    ({ lines, from, to }) => {
      if (lines.every((/** @type {any} */ one) => one.kind === 'same')) {
        return emptyState({ icon: 'check', title: 'No differences', text: `What is served is ${from}.` })
      }
      const rows = shortened(lines).map((one) => {
        if (!one) return h('div', { class: 'skipped' }, '…')
        const kind = /** @type {'same'} */ (one.kind)
        return h(
          'div',
          { class: kind },
          h('span', { 'aria-hidden': 'true' }, MARKS[kind]),
          WORDS[kind] && h('span', { class: 'unseen' }, WORDS[kind]),
          h('span', { dir: 'auto' }, one.text),
        )
      })
      return card(
        `From ${from} to ${to}`,
        {},
        h('div', { class: 'diff', tabindex: 0, role: 'region', 'aria-label': 'Differences' }, rows),
      )
    },
  )
}

const AROUND = 3

/** Only what is near a change; null stands for what was left out. @param {any[]} lines @returns {any[]} */
function shortened(lines) {
  const near = lines.map((_, at) =>
    lines.slice(Math.max(0, at - AROUND), at + AROUND + 1).some((one) => one.kind !== 'same'),
  )
  return lines.flatMap((line, at) => (near[at] ? [line] : at === 0 || near[at - 1] ? [null] : []))
}
