// @ts-check
/** Where answers come from: the providers of models, with a test that says in plain words what is wrong. */
import { del, get, post, put } from '../api.js'
import { fill, h } from '../dom.js'
import { icon } from '../icons.js'
import { listed, load } from '../load.js'
import {
  badge,
  busy,
  card,
  confirmDialog,
  emptyState,
  formDialog,
  duration,
  pageHead,
  problem,
  toast,
} from '../ui.js'

const LEAD =
  'Who writes the answers. Bots that name no provider use the default one. Keys are kept encrypted and never shown again.'
const MASK = '***masked***'
/** What there is to say of each kind; without what is `needed` no model answers. */
const TYPES = {
  openai: {
    label: 'OpenAI, or a server that speaks its language',
    keys: ['base_url', 'model', 'api_key'],
    needed: ['api_key'],
  },
  azure: {
    label: 'Azure OpenAI',
    keys: ['endpoint', 'deployment_name', 'api_version', 'api_key'],
    needed: ['endpoint', 'deployment_name', 'api_key'],
  },
  ollama: { label: 'Ollama', keys: ['endpoint', 'model'], needed: ['model'] },
}
/** @type {Record<string, {label: string, hint?: string}>} */
const KEYS = {
  base_url: { label: 'Address', hint: 'Empty for OpenAI’s own, such as https://models.example.com/v1.' },
  endpoint: { label: 'Address' },
  model: { label: 'Model' },
  deployment_name: { label: 'Deployment' },
  api_version: { label: 'Version of the API' },
  api_key: { label: 'Key' },
}

export const page = {
  path: 'providers',
  title: 'Models',
  role: 'admin',
  /** @param {HTMLElement} root */
  async show(root) {
    const providers = new Providers()
    root.replaceChildren(pageHead('Models', { lead: LEAD, actions: [providers.addButton()] }), providers.list)
    await providers.read()
  },
}

class Providers {
  list = h('div', { class: 'cards' })

  read() {
    return load(
      this.list,
      () => get('providers'),
      (body) => {
        const items = listed(body)
        if (items.length) return items.map((one) => this.#card(one))
        return emptyState({
          icon: 'providers',
          title: 'No provider yet',
          text: 'Without one the built-in offline model answers simple questions about the data.',
          action: this.addButton(),
        })
      },
    )
  }

  addButton() {
    return h(
      'button',
      { type: 'button', class: 'button primary', on: { click: () => this.#choose() } },
      icon('plus'),
      'Add a provider',
    )
  }

  /** @param {any} one */
  #card(one) {
    const fixed = one.read_only || one.from_config
    const outcome = h('div', { role: 'status' })
    const test = h(
      'button',
      { type: 'button', class: 'button', on: { click: () => this.#test(one, test, outcome) } },
      'Test',
    )
    const name = one.display_name || one.name
    return card(
      null,
      { class: 'provider' },
      h(
        'div',
        { class: 'card-head' },
        h('h2', { dir: 'auto' }, name),
        h(
          'span',
          { class: 'badges' },
          one.is_default && badge('default', 'good'),
          !one.enabled && badge('off'),
          one.use_for_embeddings && badge('vectors', 'info'),
        ),
      ),
      h('p', { class: 'faint' }, kind(one)),
      one.problem && h('p', { class: 'notice warn' }, one.problem),
      h(
        'dl',
        { class: 'facts' },
        Object.entries(one.config ?? {}).flatMap(([key, value]) => [
          h('dt', null, KEYS[key]?.label ?? key),
          h('dd', null, value === MASK ? '•••••••• (kept)' : String(value)),
        ]),
      ),
      outcome,
      h('div', { class: 'row' }, test, !fixed && this.#buttons(one, name)),
    )
  }

  /** @param {any} one @param {string} name */
  #buttons(one, name) {
    return [
      h(
        'button',
        { type: 'button', class: 'button', on: { click: () => this.#edit(one.provider_type, one) } },
        'Edit',
      ),
      !one.is_default && this.#defaultButton(one),
      h(
        'button',
        { type: 'button', class: 'button risky', on: { click: () => this.#remove(one, name) } },
        'Delete',
      ),
    ]
  }

  /** @param {any} one */
  #defaultButton(one) {
    const name = one.display_name || one.name
    return h(
      'button',
      {
        type: 'button',
        class: 'button',
        'aria-label': `Make ${name} the default`,
        on: {
          click: () =>
            this.#make(put(`providers/${encodeURIComponent(one.id)}/default`), `${name} is the default now.`),
        },
      },
      'Make default',
    )
  }

  /** @param {any} one @param {HTMLButtonElement} button @param {HTMLElement} outcome */
  async #test(one, button, outcome) {
    fill(outcome, h('p', { class: 'faint' }, 'Asking for a short answer…'))
    try {
      const { ok, took_ms, text, error } = await busy(
        button,
        post(`providers/${encodeURIComponent(one.id)}/test`),
      )
      const good = h(
        'div',
        { class: 'notice good' },
        h('p', null, `It answered in ${duration(took_ms)}`, text && [': ', h('q', { dir: 'auto' }, text)]),
      )
      fill(outcome, ok ? good : problem(new Error(`${error} (after ${duration(took_ms)})`)))
    } catch (error) {
      fill(outcome, problem(error))
    }
  }

  async #choose() {
    const options = Object.entries(TYPES).map(([value, { label }]) => ({ value, label }))
    const chosen = await formDialog({
      title: 'Add a provider',
      submit: 'Next',
      fields: [{ label: 'Kind', name: 'type', type: 'select', options }],
    })
    if (chosen) await this.#edit(chosen.type)
  }

  /** @param {string} type @param {any} [one] */
  async #edit(type, one) {
    const { keys: known = [], needed = [] } = TYPES[/** @type {'openai'} */ (type)] ?? {}
    const keys = [...new Set([...known, ...Object.keys(one?.config ?? {})])]
    const saved = await formDialog({
      title: one
        ? `Edit ${one.display_name || one.name}`
        : `Add ${TYPES[/** @type {'openai'} */ (type)].label}`,
      fields: [
        ...(one
          ? []
          : [{ label: 'Name', name: 'name', required: true, hint: 'Bots ask for it by this name.' }]),
        { label: 'Shown as', name: 'display_name', value: one?.display_name },
        ...keys.map((key) => configField(key, one?.config?.[key], needed.includes(key))),
        {
          label: 'Model for vectors',
          name: 'embedding_model',
          value: one?.embedding_model,
          hint: 'Empty when it makes none.',
        },
        { label: 'On', name: 'enabled', type: 'checkbox', value: one?.enabled ?? true },
      ],
      action: (values) =>
        one
          ? put(`providers/${encodeURIComponent(one.id)}`, body(values, keys, one))
          : post('providers', { provider_type: type, ...body(values, keys) }),
    })
    if (!saved) return
    toast('Saved. Press “Test” to see whether it answers.', 'good')
    await this.read()
  }

  /** @param {any} one @param {string} name */
  async #remove(one, name) {
    const loses = [
      'its address and key',
      ...(one.is_default ? ['the default: bots that name no provider use another one, or none'] : []),
      'bots that ask for it by name answer no more',
    ]
    if (!(await confirmDialog({ title: `Delete ${name}?`, loses }))) return
    await this.#make(del(`providers/${encodeURIComponent(one.id)}`), 'The provider was deleted.')
  }

  /** @param {Promise<any>} work @param {string} text */
  async #make(work, text) {
    try {
      await work
      toast(text, 'good')
    } catch (error) {
      toast(error)
    }
    await this.read()
  }
}

/** @param {any} one */
function kind(one) {
  if (one.provider_type === 'offline')
    return 'Answers simple questions about the data when no other provider is set up.'
  return one.read_only ? `${one.provider_type}, set by the environment` : one.provider_type
}

/** A secret is only ever written: an empty field keeps the one that is there. @param {string} key @param {string} [value] @param {boolean} [required] @returns {import('../ui/fields.js').Field} */
function configField(key, value, required = false) {
  const { label, hint } = KEYS[key] ?? { label: key }
  if (!/key|secret|token(?!s)|passw|credential|auth/i.test(key))
    return { label, hint, name: `config.${key}`, value, required }
  const kept = value === MASK
  return {
    label,
    name: `config.${key}`,
    type: 'password',
    required: required && !kept,
    hint: kept ? 'Empty keeps the one that is there.' : hint,
    attributes: { autocomplete: 'new-password', placeholder: kept ? '••••••••' : null },
  }
}

/** @param {Record<string, any>} values @param {string[]} keys @param {any} [one] */
function body(values, keys, one) {
  const config = Object.fromEntries(
    keys
      .map((key) => [key, values[`config.${key}`] ?? ''])
      .filter(([key, value]) => value !== '' || one?.config?.[key]),
  )
  const { name, display_name, embedding_model, enabled } = values
  return { ...(one ? {} : { name }), display_name, enabled, embedding_model: embedding_model || null, config }
}
