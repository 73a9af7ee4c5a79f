/**
 * Which names of properties get short ones in the bundle: those of our own classes and records. What browsers know,
 * what goes over the wire or into the browser's storage, and what pages may use keep theirs.
 */
import fs from 'node:fs'
import path from 'node:path'
import { createRequire } from 'node:module'
import { standIns } from './bundle-short.mjs'
import ts from '../tests/clients/node_modules/typescript/lib/typescript.js'

const LIBRARIES = path.dirname(createRequire(import.meta.url).resolve('../tests/clients/node_modules/typescript/lib/typescript.js'))

const OPTIONS = { allowJs: true, checkJs: true, strict: true, noEmit: true, types: [], target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler, lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'] }

/** Records that the server, or a page of an earlier version, wrote or will read. */
const ON_THE_WIRE = ['ChatEvent', 'Usage', 'Change', 'Source', 'Item', 'Upload', 'Identity', 'Sent']

/** What pages may use of the element (docs/widget.md), what the server tells of a bot, and what browsers call. */
const KNOWN_OUTSIDE = new Set(
  `bot close destroy element emit heading identify identity mode newChat on open push send server toggle
  attributeChangedCallback connectedCallback disconnectedCallback observedAttributes
  colour description feedback follow_ups greeting handoff identity kind namespace operators placeholder position
  privacy_url suggestions theme title token upload_bytes_max upload_types uploads
  changes items files visitor wanted conversations
  cancel confirm end operator progress resume retry sources start waiting`.split(/\s+/),
)

/** @param {string} file */
const treeOf = (file) => ts.createSourceFile(file, fs.readFileSync(file, 'utf8'), ts.ScriptTarget.ES2022, true)

/** Every name that the language or a browser gives a meaning. */
function known() {
  /** @type {Set<string>} */
  const names = new Set()
  for (const file of fs.readdirSync(LIBRARIES).filter((one) => /^lib\.(dom|es)/.test(one))) {
    const see = (/** @type {any} */ node) => {
      if (node.name && ts.isIdentifier(node.name)) names.add(node.name.text)
      ts.forEachChild(node, see)
    }
    see(treeOf(path.join(LIBRARIES, file)))
  }
  return names
}

/**
 * Of the `known` names those that our files do mean so, or may mean so: where the type is not known, or what is
 * written is given to a browser.
 * @param {string[]} files @param {Set<string>} known
 */
function meant(files, known) {
  const program = ts.createProgram(files, OPTIONS)
  const checker = program.getTypeChecker()
  const isOurs = (/** @type {ts.Symbol | undefined} */ symbol) =>
    Boolean(symbol?.declarations?.length && symbol.declarations.every((one) => files.includes(one.getSourceFile().fileName)))
  /** @type {Set<string>} */
  const found = new Set()
  const see = (/** @type {ts.Node} */ node) => {
    if (ts.isIdentifier(node) && known.has(node.text) && isProperty(node) && !isOurs(symbolOf(node, checker))) found.add(node.text)
    ts.forEachChild(node, see)
  }
  for (const file of files) see(/** @type {ts.SourceFile} */ (program.getSourceFile(file)))
  return found
}

/** @param {ts.Identifier} node */
function isProperty({ parent }) {
  return [ts.isPropertyAccessExpression, ts.isPropertyAssignment, ts.isShorthandPropertyAssignment, ts.isBindingElement, ts.isMethodDeclaration].some((is) => is(parent))
}

/** What a name means; undefined where nobody knows. @param {ts.Identifier} node @param {ts.TypeChecker} checker */
function symbolOf(node, checker) {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node ? checker.getSymbolAtLocation(node) : checker.getSymbolAtLocation(node)
  if (ts.isBindingElement(parent) && ts.isObjectBindingPattern(parent.parent))
    return checker.getTypeAtLocation(parent.parent).getProperty((parent.propertyName ?? parent.name).getText())
  if (ts.isObjectLiteralElementLike(parent) && ts.isObjectLiteralExpression(parent.parent) && parent.name === node)
    return checker.getContextualType(parent.parent)?.getProperty(node.text)
  return checker.getSymbolAtLocation(node)
}

/** Names of the records in a file's comments, those of the wire apart. @param {string} text */
function records(text) {
  const own = []
  const wire = []
  for (const [comment] of text.matchAll(/\/\*\*[^]*?\*\//g)) {
    for (const part of comment.split('@typedef').slice(1)) {
      const name = /\{[^]*\}\s+(\w+)|^\s+(\w+)/.exec(part.split('@property')[0])
      const names = [...part.matchAll(/@property\s+\{.*?\}\s+\[?(\w+)/g), ...part.matchAll(/[{,]\s*(\w+)\??:/g)].map(([, one]) => one)
      ;(ON_THE_WIRE.includes(name?.[1] ?? name?.[2] ?? '') ? wire : own).push(...names)
    }
  }
  return { own, wire }
}

/** What a class of ours declares, or sets on itself. @param {string} file */
function membersIn(file) {
  /** @type {string[]} */
  const names = []
  const see = (/** @type {ts.Node} */ node) => {
    if (ts.isClassElement(node) && node.name && ts.isIdentifier(node.name)) names.push(node.name.text)
    if (ts.isBinaryExpression(node) && ts.isPropertyAccessExpression(node.left) && node.left.expression.kind === ts.SyntaxKind.ThisKeyword)
      names.push(node.left.name.text)
    ts.forEachChild(node, see)
  }
  see(treeOf(file))
  return names.filter((name) => !name.startsWith('#'))
}

/** Name -> what stands for its short name, the most used first. @param {string[]} files */
export function shortNames(files) {
  const texts = files.map((file) => fs.readFileSync(file, 'utf8'))
  const comments = texts.map(records)
  const wire = new Set(comments.flatMap((one) => one.wire))
  const every = known()
  const kept = meant(files, every)
  const own = new Set([...files.flatMap(membersIn), ...comments.flatMap((one) => one.own)])
  const ours = [...own].filter((name) => !kept.has(name) && !wire.has(name) && !KNOWN_OUTSIDE.has(name) && name.length > 2)
  const code = texts.join('\n').replace(/\/\*[^]*?\*\/|\/\/.*/g, '')
  const often = (/** @type {string} */ name) => code.split(new RegExp(`\\b${name}\\b`)).length
  ours.sort((a, b) => often(b) - often(a) || (a < b ? -1 : 1))
  const said = code.match(/(?<=\.)\w{1,2}\b|\b\w{1,2}(?=\s*[:,}])/g) ?? []
  return Object.fromEntries(standIns('properties', ours, [...said, ...[...every].filter((name) => name.length === 2)]))
}

const CUSTOM = standIns('custom', ['brand', 'on-brand', 'ground', 'raised', 'text', 'faint', 'line', 'accent', 'on-accent', 'question', 'bad', 'good', 'bad-ground', 'tone', 'column'], [])

/** Custom properties of our own rules that no script sets and no page knows. @param {string} text  a script or rules */
export function shortProperties(text) {
  return text.replace(/(?<![\w-])--([a-z-]+)/g, (whole, name) => (CUSTOM.has(name) ? `--${CUSTOM.get(name)}` : whole))
}

/**
 * Classes of `rules` by short names, apart from those that are words of other things too, or by which tests and pages
 * find what they look for. @param {string} rules
 */
export function shortClasses(rules) {
  const kept = new Set(
    `answer change cite code confirm delete failed failure file handoff history launcher left log name
    negative note notice null number open page panel past presence prose query question reasoning result
    sources state step words composer send source danger chart changed operator series-1 series-2 series-3`.split(/\s+/),
  )
  const names = [...new Set([...rules.matchAll(/\.([a-z][\w-]*)/g)].map(([, one]) => one))].filter((one) => !kept.has(one))
  const often = (/** @type {string} */ name) => rules.split(new RegExp(`\\.${name}(?![\\w-])`)).length
  names.sort((a, b) => often(b) - often(a) || (a < b ? -1 : 1))
  const shortNames = standIns('classes', names, kept)
  return {
    /** In a module: where a text is nothing but classes, or a selector. @param {string} text */
    inModule: (text) => {
      /** @type {ts.Node[]} */
      const texts = []
      const see = (/** @type {ts.Node} */ node) => {
        if (ts.isStringLiteral(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) texts.push(node)
        ts.forEachChild(node, see)
      }
      see(ts.createSourceFile('module.js', text, ts.ScriptTarget.ES2022, true))
      for (const one of texts.sort((a, b) => b.pos - a.pos)) {
        const said = one.getText()
        if (/[^\w\s.,:>()[\]=*`'"${}-]/.test(said)) continue
        const changed = said.replace(/(?<![\w-])[a-z][\w-]*/g, (word) => shortNames.get(word) ?? word)
        text = text.slice(0, one.getStart()) + changed + text.slice(one.end)
      }
      return text
    },
    inRules: (/** @type {string} */ text) => text.replace(/\.([a-z][\w-]*)/g, (whole, one) => (shortNames.has(one) ? `.${shortNames.get(one)}` : whole)),
  }
}
