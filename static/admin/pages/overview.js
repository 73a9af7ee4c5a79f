// @ts-check
/** How things are: what happens now, figures against the period before, money, and what needs a look. */
import { get, live } from '../api.js'
import { nameCell } from '../bot_names.js'
import { chart } from '../chart.js'
import { fill, h } from '../dom.js'
import { icon } from '../icons.js'
import { pageUrl } from '../route.js'
import { card, dataTable, duration, emptyState, money, moneyAlike, number, pageHead, percent } from '../ui.js'

const PERIODS = [
  { days: 1, label: '24 hours' },
  { days: 7, label: '7 days' },
  { days: 30, label: '30 days' },
]
const NOTABLE = 0.005

/** @type {import('../pages.js').Page} */
export const page = {
  path: 'overview',
  title: 'Overview',
  async show(root, { query, setQuery, account, signal }) {
    const body = h('div', { class: 'page' })
    const now = h('div', { class: 'now', role: 'group', 'aria-label': 'Now' })
    let days = PERIODS.find((one) => String(one.days) === query.days)?.days ?? 7
    const buttons = PERIODS.map((one) =>
      h('button', { type: 'button', class: 'segment', on: { click: () => choose(one.days) } }, one.label),
    )
    root.append(
      pageHead('Overview', {
        actions: [h('div', { class: 'segments', role: 'group', 'aria-label': 'Period' }, buttons)],
      }),
      now,
      body,
    )

    const read = async () => {
      PERIODS.forEach((one, at) => buttons[at].setAttribute('aria-pressed', String(one.days === days)))
      const figures = await get('overview', { days }, signal)
      showNow(now, figures.now)
      fill(body, ...parts(figures, days, account))
    }
    /** @param {number} chosen */
    const choose = async (chosen) => {
      days = chosen
      setQuery({ days })
      await read()
    }
    await read()
    let late = false
    const stop = live(({ type, data }) => {
      if (type === 'counts') showNow(now, data)
      if (type === 'lost') late = true
      if (type === 'connected' && late) read()
      if (type === 'connected') late = false
    })
    const timer = setInterval(() => document.visibilityState === 'visible' && read().catch(() => {}), 60_000)
    return () => {
      stop()
      clearInterval(timer)
    }
  },
}

/** @typedef {{live: number, waiting: number, joined: number, running: number}} Now */

/** Who waits comes first, also when no chat is open any more. @param {Element} root @param {Now} now */
function showNow(root, now) {
  if (!now) return
  const one = (
    /** @type {number} */ count,
    /** @type {string} */ words,
    /** @type {string} */ href,
    kind = '',
  ) => h('a', { class: `now-item ${count ? kind : ''}`, href }, h('strong', null, number(count)), ' ', words)
  const filtered = (/** @type {string} */ handoff) => pageUrl('conversations', { handoff })
  const shown = [
    now.waiting > 0 &&
      one(
        now.waiting,
        now.waiting === 1 ? 'person waits for you' : 'people wait for you',
        filtered('waiting'),
        'warn',
      ),
    now.joined > 0 &&
      one(
        now.joined,
        now.joined === 1 ? 'chat is with a colleague' : 'chats are with colleagues',
        filtered('joined'),
      ),
    now.live > 0 && one(now.live, now.live === 1 ? 'chat goes on now' : 'chats go on now', pageUrl('live')),
    now.running > 0 &&
      one(
        now.running,
        now.running === 1 ? 'answer is being written' : 'answers are being written',
        pageUrl('live'),
      ),
  ].filter(Boolean)
  fill(
    root,
    shown.length
      ? shown
      : h(
          'a',
          { class: 'now-item', href: pageUrl('live') },
          'All is quiet just now: nobody chats, nobody waits.',
        ),
  )
}

/** @param {any} figures @param {number} days @param {import('../pages.js').Account} account */
function parts(figures, days, account) {
  const { totals, before, series, currency, warnings } = figures
  const cash = (/** @type {number | null} */ n) => money(n, currency)
  const alike = moneyAlike(
    series.map((/** @type {any} */ point) => point.cost),
    currency,
  )
  const within = totals.latency_ms_p95 ? `95 % within ${duration(totals.latency_ms_p95)}` : null
  const tiles = [
    tile('Messages', number(totals.messages), change(totals.messages, before.messages)),
    tile('Conversations', number(totals.conversations), change(totals.conversations, before.conversations)),
    tile('Tokens', number(totals.tokens, { short: true }), change(totals.tokens, before.tokens)),
    tile('Cost', cash(totals.cost), change(totals.cost, before.cost, true)),
    tile(
      'Answer time',
      duration(totals.latency_ms_p50),
      change(totals.latency_ms_p50, before.latency_ms_p50, true),
      within,
    ),
    tile('Errors', number(totals.errors), change(totals.errors, before.errors, true)),
    tile(
      'Feedback',
      feedback(totals),
      null,
      `${number(totals.positive)} good, ${number(totals.negative)} bad`,
    ),
  ]
  const short = (/** @type {number} */ n) => number(n, { short: true })
  return [
    warnings?.length > 0 &&
      h(
        'div',
        { class: 'stack' },
        warnings.map((/** @type {any} */ one) => warning(one, account)),
      ),
    h('dl', { class: 'tiles', 'aria-label': `The last ${days === 1 ? '24 hours' : `${days} days`}` }, tiles),
    totals.messages || before.messages ? null : nothingYet(account),
    h(
      'div',
      { class: 'columns charts' },
      chart({
        title: 'Messages',
        key: 'messages',
        points: series,
        format: number,
        total: number(totals.messages),
      }),
      chart({ title: 'Tokens', key: 'tokens', points: series, format: short, total: number(totals.tokens) }),
      chart({ title: 'Cost', key: 'cost', points: series, format: alike, total: cash(totals.cost) }),
      chart({
        title: 'Answer time',
        key: 'latency_ms',
        points: series,
        format: duration,
        total: duration(totals.latency_ms_p50),
      }),
      chart({
        title: 'Errors',
        key: 'errors',
        kind: 'bad',
        points: series,
        format: number,
        total: number(totals.errors),
      }),
      budget(figures.budget, currency, account),
    ),
    h('div', { class: 'columns' }, bots(figures, currency, account), models(figures, currency)),
  ]
}

/** @param {string} label @param {string} value @param {HTMLElement | null} changed @param {string | null} [note] */
function tile(label, value, changed, note) {
  return h(
    'div',
    { class: 'tile' },
    h('dt', null, label),
    h(
      'dd',
      null,
      h('strong', null, value),
      ' ',
      changed,
      note && h('span', { class: 'faint small tile-note' }, note),
    ),
  )
}

/** How much a figure differs from the period before. @param {number | null} now @param {number | null} before @param {boolean} [lessIsGood] */
function change(now, before, lessIsGood = false) {
  if (!before || now === null || now === undefined) return null
  const share = (now - before) / before
  const flat = Math.abs(share) < NOTABLE
  const kind = flat || !lessIsGood ? '' : share < 0 ? 'good' : 'worse'
  const words = flat
    ? 'as before'
    : `${share > 0 ? '+' : '−'}${Math.abs(share) > 9.99 ? '999' : Math.round(Math.abs(share) * 100)} %`
  return h(
    'span',
    { class: `change ${kind}`, title: `The period before: ${number(before)}` },
    words,
    h('span', { class: 'unseen' }, flat ? '' : ' against the period before'),
  )
}

/** @param {{positive: number, negative: number}} totals */
function feedback({ positive, negative }) {
  return positive + negative ? percent(positive / (positive + negative)) : '–'
}

/** @param {{text: string, page?: string}} one @param {import('../pages.js').Account} account */
function warning({ text, page: where }, account) {
  const link = where && (account.role === 'admin' || /^(conversations|live|gaps)/.test(where))
  return h(
    'p',
    { class: 'notice warn' },
    icon('warning'),
    h('span', null, text, ' ', link && h('a', { href: pageOf(where) }, 'Look')),
  )
}

/** Warnings name a page as `bots` or `bots/<id>`, with or without the console's path before it. @param {string} where */
function pageOf(where) {
  const [path, search] = where.replace(/^\/?(admin\/)?/, '').split('?')
  return pageUrl(
    ...path.split('/').filter(Boolean).map(decodeURIComponent),
    Object.fromEntries(new URLSearchParams(search ?? '')),
  )
}

/** @param {import('../pages.js').Account} account */
function nothingYet(account) {
  return emptyState({
    icon: 'conversations',
    title: 'No messages in this period.',
    text: 'Ask a bot something, or put the chat on a page: the line for it stands on each bot’s page.',
    action:
      account.role === 'admin' &&
      h(
        'div',
        { class: 'row' },
        h('a', { class: 'button primary', href: pageUrl('playground') }, 'Open the playground'),
        h('a', { class: 'button', href: pageUrl('bots') }, 'See the bots'),
      ),
  })
}

/**
 * @param {{month_limit: number, month_cost: number, share: number} | null} found @param {string} currency
 * @param {import('../pages.js').Account} account
 */
function budget(found, currency, account) {
  const link =
    account.role === 'admin' &&
    h('a', { href: pageUrl('settings', { tab: 'prices' }) }, found ? 'Change' : 'Set one')
  const title = 'Budget of this month'
  if (!found)
    return card(
      title,
      {},
      h('p', { class: 'faint' }, 'There is none: costs are told, and nothing warns. ', link),
    )
  const { month_limit: limit, month_cost: cost, share } = found
  const kind = share >= 1 ? 'bad' : share >= 0.8 ? 'warn' : ''
  const cash = moneyAlike([cost, limit], currency)
  return card(
    title,
    { actions: [link] },
    h('p', null, h('strong', null, cash(cost)), ` of ${cash(limit)}, ${percent(share)}`),
    h('meter', {
      class: `meter ${kind}`,
      min: 0,
      max: 1,
      low: 0.8,
      high: 1,
      optimum: 0,
      value: Math.min(share, 1),
      'aria-label': 'Share of the budget that is spent',
    }),
  )
}

/** @param {any[] | null} rows @param {string} currency */
function costs(rows, currency) {
  const cash = moneyAlike(
    (rows ?? []).map((one) => one.cost),
    currency,
  )
  return { key: 'cost', label: 'Cost', numeric: true, render: (/** @type {any} */ one) => cash(one.cost) }
}

const tokens = {
  key: 'tokens',
  label: 'Tokens',
  numeric: true,
  render: (/** @type {any} */ one) => number(one.tokens, { short: true }),
}

/** @param {any} figures @param {string} currency @param {import('../pages.js').Account} account */
function bots({ bots: rows }, currency, account) {
  return card(
    'Bots',
    {},
    dataTable({
      label: 'Figures by bot',
      rows: rows ?? [],
      href: account.role === 'admin' ? (bot) => pageUrl('bots', bot.id) : undefined,
      empty: h('p', { class: 'faint' }, 'No bot was asked anything.'),
      columns: [
        { key: 'title', label: 'Bot', render: nameCell },
        { key: 'messages', label: 'Messages', numeric: true },
        tokens,
        costs(rows, currency),
        { key: 'errors', label: 'Errors', numeric: true },
      ],
    }),
  )
}

/** @param {any} figures @param {string} currency */
function models({ models: rows }, currency) {
  const name = (/** @type {any} */ one) => [
    h('bdi', null, one.model),
    ' ',
    h('span', { class: 'faint small' }, one.provider),
  ]
  return card(
    'Models',
    {},
    dataTable({
      label: 'Figures by model',
      rows: rows ?? [],
      empty: h('p', { class: 'faint' }, 'No model was asked anything.'),
      columns: [
        { key: 'model', label: 'Model', render: name },
        { key: 'messages', label: 'Messages', numeric: true },
        tokens,
        costs(rows, currency),
        { key: 'latency_ms', label: 'Time', numeric: true, render: (one) => duration(one.latency_ms) },
      ],
    }),
  )
}
