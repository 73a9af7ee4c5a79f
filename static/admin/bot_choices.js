// @ts-check
/** What was chosen for a bot here beside what its file says, and the ways back to that. */
import { del } from './api.js'
import { h } from './dom.js'
import { busy, card, confirmDialog, dataTable, toast } from './ui.js'

/** What the settings are called in the form. @type {Record<string, string>} */
const LABELS = {
  description: 'Description',
  enabled: 'Answers at all',
  provider_id: 'Provider',
  temperature: 'Temperature',
  max_tokens: 'Tokens of an answer',
  rate_limit_per_minute: 'Questions a minute',
  daily_request_limit: 'Questions a day',
  daily_token_budget: 'Tokens a day',
  max_conversation_turns: 'Messages of a conversation',
  conversation_ttl_hours: 'Hours kept after the last word',
  persist_conversations: 'Keep conversations',
  allow_unauthenticated: 'Answer visitors',
  is_public: 'List it',
}

/** Nothing when nothing was chosen. @param {any} bot @param {string} path @param {() => void} onSaved @returns {HTMLElement | null} */
export function choicesTable(bot, path, onSaved) {
  const names = Object.keys(bot.overrides)
  if (!names.length) return null
  const back = bot.source === 'filesystem' ? 'As in the file' : 'As in its code'
  const takeBack = async (/** @type {HTMLButtonElement} */ button, /** @type {string} */ where) => {
    try {
      await busy(button, del(`${path}/overrides${where}`))
      toast('Taken back. It holds from the next question on.', 'good')
    } catch (error) {
      toast(error)
    }
    onSaved()
  }
  const all = h(
    'button',
    {
      type: 'button',
      class: 'button',
      on: { click: async () => (await agreed(bot, back)) && takeBack(all, '') },
    },
    `All ${back.toLowerCase()}`,
  )
  const button = (/** @type {string} */ name) => {
    const made = h(
      'button',
      {
        type: 'button',
        class: 'button small',
        'aria-label': `${labelOf(name)}: ${back.toLowerCase()}`,
        on: { click: () => takeBack(made, `/${encodeURIComponent(name)}`) },
      },
      back,
    )
    return made
  }
  const value = (/** @type {any} */ from) => (/** @type {{name: string}} */ { name }) =>
    h('span', { dir: 'auto' }, shown(from[name]))
  const table = dataTable({
    label: 'What was chosen here',
    rows: names.map((name) => ({ name })),
    columns: [
      {
        key: 'name',
        label: 'Setting',
        class: 'grow',
        render: ({ name }) => h('strong', null, labelOf(name)),
      },
      { key: 'here', label: 'Chosen here', render: value(bot.overrides) },
      { key: 'file', label: back.replace('As in', 'In'), render: value(bot.instead) },
      { key: 'button', label: '', class: 'tight', render: ({ name }) => button(name) },
    ],
  })
  return card('Chosen here', { actions: names.length > 1 ? [all] : [] }, table)
}

/** @param {any} bot @param {string} back */
function agreed({ overrides, instead, title }, back) {
  const loses = Object.keys(overrides).map(
    (name) => `${labelOf(name)}: ${shown(overrides[name])}; it will be ${shown(instead[name])}`,
  )
  return confirmDialog({ title: `${title}: all ${back.toLowerCase()}?`, loses, action: 'Take all back' })
}

/** @param {string} name */
function labelOf(name) {
  return LABELS[name] ?? name.replaceAll('_', '-')
}

/** @param {any} value */
function shown(value) {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value)) return value.join(', ') || 'all'
  return value === null || value === '' ? 'not set' : String(value)
}
