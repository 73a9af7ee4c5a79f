// @ts-check
/** A new bot from a few fields; everything else is in its code afterwards. */
import { get, post } from './api.js'
import { listed } from './load.js'
import { formDialog } from './ui.js'

/** @returns {Promise<any>} the bot; null when the dialog was left */
export async function newBot() {
  const bases = await get('knowledge-bases').then(listed, () => [])
  const names = new Set(bases.map((/** @type {any} */ one) => String(one.name)))
  return formDialog({
    title: 'New bot',
    wide: true,
    submit: 'Create the bot',
    fields: [
      {
        label: 'Name',
        name: 'name',
        required: true,
        hint: 'In its address and on pages, such as support. It cannot be changed later.',
        attributes: { autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', maxlength: 100 },
      },
      { label: 'Title', name: 'title', hint: 'What people call it. The name, when empty.' },
      { label: 'Description', name: 'description', hint: 'One line for lists of bots.' },
      {
        label: 'What it should do',
        name: 'prompt',
        type: 'textarea',
        required: true,
        hint: 'Written to the bot: who it is, what it helps with, how it speaks.',
        attributes: { rows: 6, placeholder: 'You help the customers of our shop. Be friendly and brief.' },
      },
      {
        label: 'Knowledge base',
        name: 'base',
        type: 'select',
        options: [{ value: '', label: 'None: it looks nothing up' }, ...names],
      },
      {
        label: 'Tables',
        name: 'tables',
        hint: 'Tables of yours that it may read, with commas between.',
        attributes: { autocomplete: 'off', spellcheck: 'false' },
      },
      {
        label: 'Answer visitors',
        name: 'visitors',
        type: 'checkbox',
        value: true,
        hint: 'People who are not signed in.',
      },
      {
        label: 'List it',
        name: 'listed',
        type: 'checkbox',
        value: true,
        hint: 'On the landing page and for users.',
      },
    ],
    action: (values) => post('bots', { name: values.name.trim(), code: codeOf(values) }),
  })
}

/** What its file would say. @param {Record<string, any>} values */
function codeOf({ title, description, prompt, base, tables, visitors, listed: isListed }) {
  const names = tables
    .split(',')
    .map((/** @type {string} */ one) => one.trim())
    .filter(Boolean)
  const lines = [
    title.trim() && `title: ${quoted(title.trim())}`,
    `description: ${quoted(description.trim() || title.trim() || 'Answers questions.')}`,
    `allow-unauthenticated: ${visitors}`,
    `public: ${isListed}`,
    'persist-conversations: true',
    names.length > 0 && `allowed-tables: [${names.map(quoted).join(', ')}]`,
    base && `knowledge-base: ${quoted(base)}`,
  ]
  return `---\n${lines.filter(Boolean).join('\n')}\n---\n${prompt.trim()}\n`
}

/** JSON's way to write a text is one of YAML's. @param {string} words */
const quoted = (words) => JSON.stringify(words)
