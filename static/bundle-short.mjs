/**
 * The short names of the bundle. Files are first made with stand-ins (`Π12`), and get their short names at the end:
 * which ones pack best, `node static/bundle.mjs --search 120` finds out by trying, and keeps it in
 * `bundle-short.json`. A name that is not there gets one that is free.
 */
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { deflateRawSync } from 'node:zlib'

/** @typedef {'properties' | 'classes' | 'custom'} Kind */
/** @typedef {{kind: Kind, name: string}} Wanted */

const KEPT = path.join(path.dirname(fileURLToPath(import.meta.url)), 'bundle-short.json')
const STAND_IN = /Π(\d+)/
const LETTERS = 'tesinarohlcudpmfgbvywkxTESINAROHLCUDPMFGBVYWKXjqzJQZ'
/** More than are wanted, so that there is a choice. */
const FREE_NAMES = 120

/** @type {Wanted[]} */
const wanted = []
/** What means something else. @type {Record<Kind, Set<string>>} */
const taken = { properties: new Set(), classes: new Set(), custom: new Set() }

/**
 * Stand-ins for names of one kind.
 * @param {Kind} kind @param {string[]} names @param {Iterable<string>} others  that no short name may be
 * @returns {Map<string, string>}
 */
export function standIns(kind, names, others) {
  for (const one of others) taken[kind].add(one)
  return new Map(names.map((name) => [name, `Π${wanted.push({ kind, name }) - 1}`]))
}

/** `t`, `e` … `tt`, `te` …, without those that are taken. @param {Kind} kind */
function* shorts(kind) {
  for (const one of ['', ...LETTERS]) for (const other of LETTERS) if (!taken[kind].has(one + other)) yield one + other
}

/** The short name of each that is wanted, by its number. @returns {string[]} */
function chosen() {
  /** @type {Record<string, Record<string, string>>} */
  const kept = fs.existsSync(KEPT) ? JSON.parse(fs.readFileSync(KEPT, 'utf8')) : {}
  /** @type {Record<string, Set<string>>} */
  const used = {}
  const names = wanted.map(({ kind, name }) => {
    const short = kept[kind]?.[name]
    const isFree = short && !taken[kind].has(short) && !(used[kind] ??= new Set()).has(short)
    if (isFree) used[kind].add(short)
    return isFree ? short : ''
  })
  return names.map((name, number) => name || free(wanted[number].kind, used).next().value)
}

/** @param {Kind} kind @param {Record<string, Set<string>>} used */
function* free(kind, used) {
  for (const short of shorts(kind)) {
    if ((used[kind] ??= new Set()).has(short)) continue
    used[kind].add(short)
    yield short
  }
}

/** The files with short names for stand-ins. @param {Map<string, string>} files */
export function shortened(files) {
  const names = chosen()
  return new Map([...files].map(([file, text]) => [file, text.replace(new RegExp(STAND_IN, 'g'), (_, number) => names[number])]))
}

/** Keep the names that pack best of all that were tried. @param {Map<string, string>} files @param {number} seconds */
export function search(files, seconds) {
  const names = chosen()
  const parts = [...files.values()].map((text) => text.split(STAND_IN)).filter((one) => one.length > 1)
  const holds = parts.map((one) => new Set(one.filter((_, index) => index % 2)))
  const size = (/** @type {string[]} */ one) =>
    deflateRawSync(one.map((text, index) => (index % 2 ? names[+text] : text)).join(''), { level: 9, memLevel: 9 }).length
  const kinds = wanted.map(({ kind }) => kind)
  for (const kind of /** @type {Kind[]} */ (Object.keys(taken))) {
    const used = { [kind]: new Set(names.filter((_, number) => kinds[number] === kind)) }
    const others = free(kind, used)
    for (let left = FREE_NAMES; left; left--) kinds.push(kind), names.push(others.next().value ?? '')
  }
  let sizes = parts.map(size)
  const any = () => Math.floor(Math.random() * names.length)
  for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
    const [one, other] = [any() % wanted.length, any()]
    if (one === other || kinds[one] !== kinds[other] || !names[other]) continue
    ;[names[one], names[other]] = [names[other], names[one]]
    const now = parts.map((text, at) => (holds[at].has(`${one}`) || holds[at].has(`${other}`) ? size(text) : sizes[at]))
    const sum = (/** @type {number[]} */ all) => all.reduce((a, b) => a + b)
    if (sum(now) <= sum(sizes)) sizes = now
    else [names[one], names[other]] = [names[other], names[one]]
  }
  /** @type {Record<string, Record<string, string>>} */
  const kept = { properties: {}, classes: {}, custom: {} }
  wanted.forEach(({ kind, name }, number) => (kept[kind][name] = names[number]))
  fs.writeFileSync(KEPT, `${JSON.stringify(kept, null, 1)}\n`)
}
