// Makes `static/dist` of `static/widget`: the same modules in few small files, for visitors (`make widget`).
// Nobody needs it to work on the widget: the server takes what is in dist only while it was made of the sources
// as they are, and the sources themselves otherwise. `--check` ends with 1 when dist is not of these sources.
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipAsync } from '../tests/clients/node_modules/@gfx/zopfli/dist/index.js'
import { build } from '../tests/clients/node_modules/esbuild/lib/main.js'
import { minify } from '../tests/clients/node_modules/terser/main.js'
import { shortClasses, shortNames, shortProperties } from './bundle-names.mjs'
import { search, shortened } from './bundle-short.mjs'
import { IN_FORM, numbered } from './bundle-words.mjs'

/** @typedef {import('../tests/clients/node_modules/esbuild/lib/main.js').BuildOptions} BuildOptions */
/** @typedef {import('../tests/clients/node_modules/esbuild/lib/main.js').Plugin} Plugin */

const STATIC = path.dirname(fileURLToPath(import.meta.url))
const DIST = path.join(STATIC, 'dist')
const MARK = 'sources.sha256'
/** Stands in the files for their version until that is known: it is reckoned from them. */
const VERSION = 'VERSION8'

const name = (/** @type {string} */ file) => path.join(STATIC, file)
const sha256 = (/** @type {string | Buffer} */ text) => createHash('sha256').update(text)

/** Every file that goes in, by its path below `static`, in an order that is always the same. */
function sources() {
  const inside = fs.readdirSync(name('widget'), { recursive: true, withFileTypes: true })
  const files = inside.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name))
  files.push(name('client.js'), name('widget.js'))
  return files.map((file) => path.relative(STATIC, file).split(path.sep).join('/')).sort()
}

/** The same figure as `appliance/server/widget_bundle.py` reckons. */
function mark() {
  const hash = createHash('sha256')
  for (const file of sources()) {
    hash.update(`${file}\0`)
    hash.update(sha256(fs.readFileSync(name(file))).digest())
  }
  return hash.digest('hex')
}

const MODULES = sources().filter((file) => /^(client|widget\/[^/]+)\.js$/.test(file))
const { inSource, language } = await numbered(MODULES.map(name), name('widget/languages'))
const names = shortNames(MODULES.map(name))

/** What is labelled STANDALONE only other users of the client need. */
const shared = /** @type {const} @satisfies {BuildOptions} */ ({
  bundle: true,
  minify: true,
  charset: 'utf8',
  target: 'es2022',
  legalComments: 'none',
  dropLabels: ['STANDALONE'],
  write: false,
})
const TERSE = /** @type {import('../tests/clients/node_modules/terser/tools/terser.js').MinifyOptions} */ ({
  ecma: 2022,
  compress: { passes: 4, hoist_funs: true, keep_fargs: false, pure_getters: true, unsafe: true, unsafe_arrows: true, unsafe_math: true, unsafe_methods: true, unsafe_proto: true, unsafe_regexp: true, unsafe_undefined: true },
})

const NODES = [...fs.readFileSync(name('widget/nodes.js'), 'utf8').matchAll(/^export (?:async )?function (\w+)/gm)].map(([, one]) => one)

/** By which the files know what makes nodes. */
const LETTERS = 'abcdefghij'

/** Words by number, names that are short, rules where they are read, and our version on every file that is loaded later. @type {Plugin} */
const ours = {
  name: 'ours',
  setup(building) {
    building.initialOptions.mangleProps = new RegExp(`^(${Object.keys(names).join('|')})$`)
    building.initialOptions.mangleCache = { ...names }
    building.onLoad({ filter: /widget\/words\.js$/ }, () => ({ contents: IN_FORM }))
    building.onLoad({ filter: /\.js$/, namespace: 'file' }, ({ path: file }) => ({
      contents: classes.inModule(inSource(file))
        // The same with less letters: nothing but itself equals a text that is no number, and nothing of ours tells
        // null from undefined.
        .replace(/(?<=[!=]=)=(?= '[^\d\s'])/g, '')
        .replace(/(?<=[!=]=)= (undefined|null)\b/g, ' null')
        .replace(/\bNumber\(/g, '+(')
        .replace(/\bNumber\.(isNaN|isFinite)\(/g, '$1(')
        .replace("export * from './nodes.js'", `export { ${NODES.map((one, number) => `${one} as ${LETTERS[number]}`)} } from './nodes.js'`)
        .replace("const VERSION = ''", `const VERSION = '?v=${VERSION}'`)
        .replace("await (await fetch(new URL('style.css', import.meta.url))).text()", () => JSON.stringify(rules)),
    }))
    building.onResolve({ filter: /^\.\/talk\.js$/ }, ({ path: file, kind }) =>
      kind === 'dynamic-import' ? { path: `${file}?v=${VERSION}`, external: true } : undefined,
    )
  },
}

/**
 * Two files, each when it is wanted: the button with the empty chat, and the conversation. What makes nodes goes with
 * the first, and the other takes it from there.
 * @type {Plugin}
 */
const apart = {
  name: 'apart',
  setup(building) {
    building.onResolve({ filter: /^\.\/element\.js$/ }, ({ path: file }) => ({ path: file, external: true }))
    building.onResolve({ filter: /^\.\/nodes\.js$/ }, ({ path: file }) => ({ path: file, namespace: 'first' }))
    building.onLoad({ filter: /./, namespace: 'first' }, () => ({
      contents: `export { ${NODES.map((one, number) => `${LETTERS[number]} as ${one}`)} } from './element.js'`,
      resolveDir: name('widget'),
    }))
  },
}

/** @param {string} text @param {boolean} [isModule] */
async function terse(text, isModule = true) {
  const { code = '' } = await minify(text, { ...TERSE, module: isModule, toplevel: true })
  return code
}

/** @param {string} file @param {BuildOptions} [options] */
async function made(file, options) {
  const { outputFiles } = await build({ ...shared, ...options, entryPoints: [name(file)], write: false })
  return outputFiles[0].text
}

const written = (await made('widget/style.css')).replace(/(,|--[\w-]+:) /g, '$1').trim()
const classes = shortClasses(written)
const rules = classes.inRules(written)
/** @param {string} text */
const short = (text) => shortProperties(text)

/** Path below dist -> text. @type {Map<string, string>} */
const files = new Map()
files.set('element.js', await terse(short(await made('widget/element.js', { format: 'esm', plugins: [ours] }))))
files.set('talk.js', await terse(short(await made('widget/talk.js', { format: 'esm', plugins: [ours, apart] }))))
files.set('widget.js', await terse(await made('widget.js', { format: 'iife' }), false))
for (const file of sources().filter((one) => one.startsWith('widget/languages/')))
  files.set(file.slice('widget/'.length), await terse(await language(name(file))))

const wish = process.argv.indexOf('--search')
if (wish > 0) search(files, Number(process.argv[wish + 1]))

/** Path below dist -> what is in it. @type {Map<string, Buffer>} */
const dist = new Map()
const named = shortened(files)
const version = sha256([...named.values()].join('\0')).digest('hex').slice(0, VERSION.length)
for (const [file, text] of named) {
  const plain = Buffer.from(text.replaceAll(VERSION, version))
  dist.set(file, plain)
  dist.set(`${file}.gz`, Buffer.from(await gzipAsync(plain, { numiterations: 15 })))
}
dist.set(MARK, Buffer.from(`${mark()} ${version}\n`))

if (process.argv.includes('--check')) {
  const kept = fs.readdirSync(DIST, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const stale = [...dist].filter(([file, bytes]) => {
    const there = path.join(DIST, file)
    return !fs.existsSync(there) || !fs.readFileSync(there).equals(bytes)
  })
  if (stale.length || kept.length !== dist.size) {
    console.error('static/dist was made of other sources. Run: make widget')
    process.exitCode = 1
  }
} else {
  fs.rmSync(DIST, { recursive: true, force: true })
  for (const [file, bytes] of dist) {
    fs.mkdirSync(path.dirname(path.join(DIST, file)), { recursive: true })
    fs.writeFileSync(path.join(DIST, file), bytes)
  }
}
