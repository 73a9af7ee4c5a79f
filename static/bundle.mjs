// Makes `static/dist` of `static/widget`: the same modules in few small files, for visitors (`make widget`).
// Nobody needs it to work on the widget: the server takes what is in dist only while it was made of the sources
// as they are, and the sources themselves otherwise. `--check` ends with 1 when dist is not of these sources.
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from '../tests/clients/node_modules/esbuild/lib/main.js'

const STATIC = path.dirname(fileURLToPath(import.meta.url))
const DIST = path.join(STATIC, 'dist')
const MARK = 'sources.sha256'

/** Every file that goes in, by its path below `static`, in an order that is always the same. */
function sources() {
  const inside = fs.readdirSync(path.join(STATIC, 'widget'), { recursive: true, withFileTypes: true })
  const files = inside.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name))
  files.push(path.join(STATIC, 'client.js'), path.join(STATIC, 'widget.js'))
  return files.map((file) => path.relative(STATIC, file).split(path.sep).join('/')).sort()
}

/** The same figure as `appliance/server/widget_bundle.py` reckons. */
function mark() {
  const hash = createHash('sha256')
  for (const name of sources()) {
    hash.update(`${name}\0`)
    hash.update(createHash('sha256').update(fs.readFileSync(path.join(STATIC, name))).digest())
  }
  return hash.digest('hex')
}

const name = (/** @type {string} */ file) => path.join(STATIC, file)

/**
 * Names of properties that get short ones: known inside of the conversation only, so that a file of before an upgrade
 * and one of after it understand each other.
 */
const OURS = `aligned budget cancelFrame cancelling chips cited conversations current decided deciding decline failures
  fence forget historyEnd hooks isDecision isTold isWaiting leaf onDecide onDue onEdit onFeedback onFollowUp
  onRegenerate onRenewed onRetry onSave openChanges outbox partial passing posting refusal reopen resumeFrame resumes
  resuming shown starts turns typesAtSeq undo writer`.split(/\s+/)

/** What is labelled STANDALONE only other users of the client need. */
const shared = {
  bundle: true,
  minify: true,
  charset: 'utf8',
  target: 'es2022',
  legalComments: 'none',
  dropLabels: ['STANDALONE'],
  mangleProps: new RegExp(`^(${OURS.join('|')})$`),
  mangleCache: {},
  write: false,
}

const NODES = [...fs.readFileSync(name('widget/nodes.js'), 'utf8').matchAll(/^export (?:async )?function (\w+)/gm)].map(([, one]) => one)

/**
 * Three files, each when it is wanted: the button, the open chat, the conversation. What makes nodes goes with the
 * first, and the others take it from there.
 * @type {import('../tests/clients/node_modules/esbuild/lib/main.js').Plugin}
 */
const apart = {
  name: 'apart',
  setup(building) {
    building.onResolve({ filter: /^\.\/(talk|element)\.js$/ }, ({ path: file, kind }) =>
      kind === 'entry-point' ? undefined : { path: file, external: true },
    )
    building.onResolve({ filter: /^\.\/nodes\.js$/ }, ({ path: file }) => ({ path: file, namespace: 'first' }))
    building.onLoad({ filter: /./, namespace: 'first' }, () => ({
      contents: `export { ${NODES} } from './element.js'`,
      resolveDir: name('widget'),
    }))
  },
}

/** Path below dist -> text. */
const made = new Map()
const make = async (/** @type {string} */ file, /** @type {import('../tests/clients/node_modules/esbuild/lib/main.js').BuildOptions} */ options) => {
  const { outputFiles = [], mangleCache } = await build({ ...shared, ...options, write: false })
  shared.mangleCache = mangleCache ?? shared.mangleCache
  made.set(file, outputFiles[0].text)
}
await make('element.js', {
  format: 'esm',
  external: ['./panel.js'],
  entryPoints: [name('widget/element.js')],
})
for (const file of ['panel.js', 'talk.js']) {
  await make(file, { format: 'esm', plugins: [apart], entryPoints: [name(`widget/${file}`)] })
}
for (const file of sources().filter((one) => /^widget\/([^/]+\.css|languages\/.*)$/.test(one))) {
  await make(file.slice('widget/'.length), { mangleProps: undefined, entryPoints: [name(file)], format: file.endsWith('.js') ? 'esm' : undefined })
}
await make('widget.js', { mangleProps: undefined, entryPoints: [name('widget.js')], format: 'iife' })
made.set(MARK, `${mark()}\n`)

if (process.argv.includes('--check')) {
  const kept = fs.readdirSync(DIST, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const stale = [...made].filter(([file, text]) => {
    const there = path.join(DIST, file)
    return !fs.existsSync(there) || fs.readFileSync(there, 'utf8') !== text
  })
  if (stale.length || kept.length !== made.size) {
    console.error('static/dist was made of other sources. Run: make widget')
    process.exitCode = 1
  }
} else {
  fs.rmSync(DIST, { recursive: true, force: true })
  for (const [file, text] of made) {
    fs.mkdirSync(path.dirname(path.join(DIST, file)), { recursive: true })
    fs.writeFileSync(path.join(DIST, file), text)
  }
}
