/**
 * The words of the widget by number: what a file says as `t('rows')` the bundle says as `t(12)`, and a language is
 * the list of its texts, each with its forms. Keys that are put together while the widget runs (`is_${status}`) are
 * looked up by what they are put together of.
 */
import fs from 'node:fs'
import path from 'node:path'
import ts from '../tests/clients/node_modules/typescript/lib/typescript.js'

/** In this order a text has its forms; one that it has not is the first. */
const FORMS = ['other', 'one', 'two', 'few']
const FORM = /_(zero|one|two|few|many|other)$/
/** No text has these. */
const BETWEEN_TEXTS = '|'
const BETWEEN_FORMS = '~'

/** Stands for `widget/words.js`. */
export const IN_FORM = `export function inForm(words, key, form) {
  const forms = words[key].split('${BETWEEN_FORMS}')
  return forms['${FORMS.join(' ')}'.split(' ').indexOf(form)] || forms[0]
}`

/** Its texts by key. @param {string} file @returns {Promise<Record<string, string>>} */
async function texts(file) {
  const source = fs.readFileSync(file, 'utf8')
  return (await import(`data:text/javascript;charset=utf-8,${encodeURIComponent(source)}`)).default
}

/**
 * Where a file names keys: the literal ones, and those that are put together behind a beginning.
 * @param {string} file
 */
function keysIn(file) {
  const tree = ts.createSourceFile(file, fs.readFileSync(file, 'utf8'), ts.ScriptTarget.ES2022, true)
  /** @type {ts.StringLiteral[]} */
  const literal = []
  /** @type {ts.TemplateExpression[]} */
  const composed = []
  const key = (/** @type {ts.Expression} */ said) => {
    if (ts.isStringLiteral(said)) literal.push(said)
    else if (ts.isParenthesizedExpression(said)) key(said.expression)
    else if (ts.isConditionalExpression(said)) [said.whenTrue, said.whenFalse].forEach(key)
    else if (ts.isTemplateExpression(said) && said.head.text) composed.push(said)
    else throw new Error(`${path.basename(file)}: t(${said.getText()}): say the key where t is called`)
  }
  const visit = (/** @type {ts.Node} */ node) => {
    if (ts.isCallExpression(node) && node.arguments.length && /(^|\.)t$/.test(node.expression.getText())) key(node.arguments[0])
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return { literal, composed }
}

/** @param {string[]} files  that say words @param {string} folder  of the languages */
export async function numbered(files, folder) {
  const found = new Map(files.map((file) => [file, keysIn(file)]))
  const said = [...found.values()].flatMap(({ literal }) => literal.map(({ text }) => text))
  const english = await texts(path.join(folder, 'en.js'))
  const keys = [...new Set(Object.keys(english).map((key) => key.replace(FORM, '')))]
  const unknown = said.filter((key) => !keys.includes(key))
  if (unknown.length) throw new Error(`no such words: ${unknown.join(' ')}`)
  const often = (/** @type {string} */ key) => said.filter((one) => one === key).length
  const numbers = new Map([...keys].sort((a, b) => often(b) - often(a)).map((key, number) => [key, number]))

  /** What stands for a key in the bundle. @param {ts.StringLiteral | ts.TemplateExpression} said */
  const inBundle = (said) => {
    if (ts.isStringLiteral(said)) return String(numbers.get(said.text))
    const beginning = said.head.text
    const ends = keys.filter((key) => key.startsWith(beginning))
    const table = ends.map((key) => `"${key.slice(beginning.length)}": ${numbers.get(key)}`)
    return `{ ${table} }[\`${said.getText().slice(1 + beginning.length)}]`
  }
  /** The source with numbers for keys. @param {string} file */
  const inSource = (file) => {
    let text = fs.readFileSync(file, 'utf8')
    const { literal, composed } = found.get(file) ?? { literal: [], composed: [] }
    for (const one of [...literal, ...composed].sort((a, b) => b.pos - a.pos))
      text = text.slice(0, one.getStart()) + inBundle(one) + text.slice(one.end)
    return text
  }
  /** A language as a module. @param {string} file */
  const language = async (file) => {
    const words = await texts(file)
    const other = Object.keys(words).find((key) => FORMS.every((form) => FORM.exec(key)?.[1] !== form) && FORM.test(key))
    if (other) throw new Error(`${file}: ${other}: give this form a place in FORMS`)
    const list = [...numbers.keys()].map((key) => {
      const other = words[`${key}_other`] ?? words[key]
      const forms = FORMS.map((form) => words[`${key}_${form}`] ?? '').map((text) => (text === other ? '' : text))
      return [other, ...forms.slice(1)].join(BETWEEN_FORMS).replace(/~+$/, '')
    })
    if (list.some((text) => text.includes(BETWEEN_TEXTS) || text.includes('`'))) throw new Error(`${file}: a text has | or \``)
    return `export default \`${list.join(BETWEEN_TEXTS)}\`.split('${BETWEEN_TEXTS}')`
  }
  return { inSource, language }
}
