// @ts-check
/** What a team chooses for a bot here; it goes before what the bot's file says, until it is taken back. */
import { get, patch } from './api.js'
import { fill, h } from './dom.js'
import { listed } from './load.js'
import { badge, busy, card, field, formErrors, problem, toast, valuesOf } from './ui.js'
import { choicesTable } from './bot_choices.js'

/** @typedef {import('./ui/fields.js').Field} Field */

/** @param {any} bot @param {string} path @param {() => void} onSaved @returns {HTMLElement} */
export function overridesForm(bot, path, onSaved) {
  const before = inEffect(bot)
  const note = h('div')
  const button = h('button', { type: 'submit', class: 'button primary' }, 'Save')
  const save = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault()
    if (!formErrors(form)) return
    fill(note)
    const wanted = Object.fromEntries(
      Object.entries(valuesOf(form)).filter(([name, value]) => value !== null && value !== before[name]),
    )
    if (!Object.keys(wanted).length) return toast('Nothing was changed.')
    try {
      await busy(button, patch(path, wanted))
      toast('Saved. It holds from the next question on.', 'good')
      onSaved()
    } catch (error) {
      fill(note, problem(error))
    }
  }
  const rows = fields(before).map((one) => marked(one, bot.overrides))
  const form = h(
    'form',
    { novalidate: true, on: { submit: save } },
    rows,
    note,
    h('div', { class: 'dialog-foot' }, button),
  )
  offerProviders(form, before.provider_id)
  const lead = h(
    'p',
    { class: 'faint' },
    'What you change here goes before what the bot’s file says, and stays when the file is saved.',
  )
  return h(
    'div',
    { class: 'narrow' },
    choicesTable(bot, path, onSaved),
    card('Limits and choices', {}, lead, form),
  )
}

/** @param {any} bot @returns {Record<string, any>} */
function inEffect({ settings, limits, description, overrides }) {
  return {
    description,
    provider_id: overrides.provider_id ?? settings.provider ?? '',
    temperature: settings.temperature,
    max_tokens: limits.max_tokens,
    rate_limit_per_minute: limits.rate_limit_per_minute,
    daily_request_limit: limits.daily_request_limit,
    daily_token_budget: limits.daily_token_budget,
    max_conversation_turns: limits.max_conversation_turns,
    conversation_ttl_hours: limits.conversation_ttl_hours,
    persist_conversations: settings.persist_conversations,
    allow_unauthenticated: settings.allow_unauthenticated,
    is_public: settings.public,
  }
}

/** @param {Record<string, any>} now @returns {Field[]} */
function fields(now) {
  const count = (/** @type {string} */ name, /** @type {string} */ label, /** @type {string} */ hint) => ({
    name,
    label,
    hint,
    type: /** @type {const} */ ('number'),
    value: now[name],
    attributes: { min: 1, step: name.endsWith('hours') ? 'any' : 1 },
  })
  const choice = (/** @type {string} */ name, /** @type {string} */ label, /** @type {string} */ hint) => ({
    name,
    label,
    hint,
    type: /** @type {const} */ ('checkbox'),
    value: now[name],
  })
  return [
    { name: 'description', label: 'Description', value: now.description },
    {
      name: 'provider_id',
      label: 'Provider',
      type: 'select',
      value: now.provider_id,
      options: [{ value: '', label: 'The default' }, ...(now.provider_id ? [now.provider_id] : [])],
    },
    {
      name: 'temperature',
      label: 'Temperature',
      type: 'number',
      value: now.temperature,
      hint: '0 is sober, 2 is wild.',
      attributes: { min: 0, max: 2, step: 'any' },
    },
    count('max_tokens', 'Tokens of an answer', 'Longer answers are cut off.'),
    count('rate_limit_per_minute', 'Questions a minute', 'Of each person.'),
    count('daily_request_limit', 'Questions a day', 'Of each person; days end at midnight, UTC.'),
    count('daily_token_budget', 'Tokens a day', 'Of each person.'),
    count('max_conversation_turns', 'Messages of a conversation', 'Then a new one has to be begun.'),
    count('conversation_ttl_hours', 'Hours kept after the last word', 'For conversations that are not kept.'),
    choice('persist_conversations', 'Keep conversations', 'People find them again when they come back.'),
    choice('allow_unauthenticated', 'Answer visitors', 'People who are not signed in.'),
    choice('is_public', 'List it', 'On the landing page and for users.'),
  ]
}

/** @param {Field} one @param {Record<string, any>} overrides */
function marked(one, overrides) {
  const made = field(one)
  if (one.name in overrides) made.querySelector('label')?.append(' ', badge('chosen here', 'info'))
  return made
}

/** The names of providers come when they come. @param {HTMLFormElement} form @param {string} chosen */
async function offerProviders(form, chosen) {
  const found = listed(await get('providers').catch(() => []))
  const select = /** @type {HTMLSelectElement} */ (form.elements.namedItem('provider_id'))
  const picked = select.value
  const names = new Set(['', chosen])
  for (const one of found) {
    if (names.has(one.name) || names.has(one.id)) {
      const there = [...select.options].find(
        (option) => option.value && (option.value === one.name || option.value === one.id),
      )
      if (there) there.textContent = one.display_name || one.name
      continue
    }
    select.append(h('option', { value: one.name }, one.display_name || one.name))
  }
  select.value = picked
}
