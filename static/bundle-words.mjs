/**
 * The words of the widget by number: what a file says as `t('rows')` the bundle says as `t(12)`, and a language is
 * the list of its texts. Keys that are put together while the widget runs (`is_${status}`) keep their names.
 */
import fs from 'node:fs'
import path from 'node:path'
import ts from '../tests/clients/node_modules/typescript/lib/typescript.js'

const FORM = /_(zero|one|two|few|many|other)$/

/** Its texts by key. @param {string} file @returns {Promise<Record<string, string>>} */
async function texts(file) {
  const source = fs.readFileSync(file, 'utf8')
  return (await import(`data:text/javascript;charset=utf-8,${encodeURIComponent(source)}`)).default
}

/**
 * Where a file names keys: the literal ones, and the patterns of those that are put together.
 * @param {string} file
 */
function keysIn(file) {
  const tree = ts.createSourceFile(file, fs.readFileSync(file, 'utf8'), ts.ScriptTarget.ES2022, true)
  /** @type {ts.StringLiteral[]} */
  const literal = []
  /** @type {RegExp[]} */
  const patterns = []
  const key = (/** @type {ts.Expression} */ said) => {
    if (ts.isStringLiteral(said)) literal.push(said)
    else if (ts.isParenthesizedExpression(said)) key(said.expression)
    else if (ts.isConditionalExpression(said)) [said.whenTrue, said.whenFalse].forEach(key)
    else if (ts.isTemplateExpression(said) && said.head.text) {
      const parts = said.templateSpans.map((span) => `\\w*${span.literal.text}`)
      patterns.push(new RegExp(`^${said.head.text}${parts.join('')}$`))
    } else throw new Error(`${path.basename(file)}: t(${said.getText()}): say the key where t is called`)
  }
  const visit = (/** @type {ts.Node} */ node) => {
    if (ts.isCallExpression(node) && node.arguments.length && /(^|\.)t$/.test(node.expression.getText())) key(node.arguments[0])
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return { literal, patterns }
}

/** @param {string[]} files  that say words @param {string} folder  of the languages */
export async function numbered(files, folder) {
  const found = new Map(files.map((file) => [file, keysIn(file)]))
  const said = [...found.values()].flatMap(({ literal }) => literal.map(({ text }) => text))
  const patterns = [...found.values()].flatMap((one) => one.patterns)
  const english = await texts(path.join(folder, 'en.js'))
  const keys = [...new Set(Object.keys(english).map((key) => key.replace(FORM, '')))]
  const unknown = said.filter((key) => !keys.includes(key))
  if (unknown.length) throw new Error(`no such words: ${unknown.join(' ')}`)
  const often = (/** @type {string} */ key) => said.filter((one) => one === key).length
  const listed = keys.filter((key) => !patterns.some((pattern) => pattern.test(key))).sort((a, b) => often(b) - often(a))
  const numbers = new Map(listed.map((key, number) => [key, number]))

  /** The source with numbers for keys. @param {string} file */
  const inSource = (file) => {
    let text = fs.readFileSync(file, 'utf8')
    for (const one of (found.get(file)?.literal ?? []).sort((a, b) => b.pos - a.pos)) {
      const number = numbers.get(one.text)
      if (number !== undefined) text = text.slice(0, one.getStart()) + number + text.slice(one.end)
    }
    return text
  }
  /** A language as a module. @param {string} file */
  const language = async (file) => {
    const words = await texts(file)
    /** @type {Record<string, string>} */
    const named = {}
    for (const [key, text] of Object.entries(words)) {
      const number = numbers.get(key.replace(FORM, ''))
      if (number === undefined) named[key] = text
      else if (!(key in english && numbers.has(key))) named[key.replace(/.*(?=_)/, String(number))] = text
    }
    const list = listed.map((key) => words[key] ?? 0)
    return `export default Object.assign(${JSON.stringify(list)}, ${JSON.stringify(named)})`
  }
  return { inSource, language }
}
