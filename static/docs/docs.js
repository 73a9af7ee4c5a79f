// @ts-check
/** The page of the API: every endpoint of `openapi.json`, by protocol, to be searched, read and copied. */
import { element } from '../widget/nodes.js'
import { Schemas } from './schema.js'

/** @typedef {import('./schema.js').Schema} Schema */

/**
 * @typedef {object} Endpoint
 * @property {string} method
 * @property {string} path
 * @property {Schema} item       what all methods of the path share
 * @property {Schema} operation
 * @property {string} words      what is searched
 */

const BASE = new URL('../../', import.meta.url)
const METHODS = ['get', 'post', 'put', 'patch', 'delete']
const STREAMS = ['text/event-stream', 'application/x-ndjson']
const NESTED_MAX = 8

const find = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id))
const lead = find('lead')
const search = /** @type {HTMLInputElement} */ (find('search'))

/** @type {Schema} */
let api = {}
let schemas = new Schemas({})
/** @type {Map<HTMLElement, Endpoint>} */
const shown = new Map()

// -- all endpoints -----------------------------------------------------------------------------------

function endpoints() {
  return Object.entries(api.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => {
      const operation = item[method]
      const words = [method, path, operation.summary, ...operation.tags].join(' ').toLowerCase()
      return /** @type {Endpoint} */ ({ method, path, item, operation, words })
    }),
  )
}

function showAll() {
  const all = endpoints()
  for (const { name } of api.tags) {
    const own = all.filter(({ operation }) => operation.tags.includes(name))
    if (!own.length) continue
    const section = element('section')
    section.id = `protocol-${name.replace(/\W+/g, '-').toLowerCase()}`
    const heading = element('h2', '', name)
    section.append(heading, ...own.map(card))
    find('endpoints').append(section)
    const link = element('a', '', name)
    link.setAttribute('href', `#${section.id}`)
    link.append(element('span', 'count', String(own.length)))
    find('protocols').append(link)
  }
}

/** One endpoint: a line, and behind it all about it, made when it is opened. @param {Endpoint} endpoint */
function card(endpoint) {
  const { method, path, operation } = endpoint
  const box = /** @type {HTMLDetailsElement} */ (element('details', 'endpoint'))
  box.id = operation.operationId
  const line = element('summary')
  line.append(element('span', `method ${method}`, method.toUpperCase()), pathText(path), element('span', 'what', operation.summary))
  box.append(line)
  box.addEventListener('toggle', () => {
    if (box.open && box.childElementCount === 1) box.append(about(endpoint))
  })
  shown.set(box, endpoint)
  return box
}

/** The path, which may break behind each slash. @param {string} path */
function pathText(path) {
  const code = element('code', 'path')
  for (const [at, part] of path.split('/').entries()) {
    if (at) code.append('/', element('wbr'))
    code.append(part.startsWith('{') ? element('var', '', part) : part)
  }
  return code
}

// -- one endpoint --------------------------------------------------------------------------------------

/** @param {Endpoint} endpoint */
function about(endpoint) {
  const { item, operation } = endpoint
  const told = element('div', 'about')
  const access = [operation.description, keysText(operation)].filter(Boolean).join(' ')
  if (access) told.append(element('p', 'access', access))
  const elsewhere = (item.servers ?? []).map((/** @type {Schema} */ one) => one.url).filter((/** @type {string} */ url) => url !== '.')
  if (elsewhere.length) told.append(element('p', 'access', `Also below /${elsewhere.join(', /')}: streams are JSON lines there, unless the client wants another form.`))
  const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])]
  if (parameters.length) told.append(part('Parameters', parameterList(parameters)))
  const body = operation.requestBody?.content?.['application/json']
  if (body) told.append(part(operation.requestBody.required ? 'Body' : 'Body, which may be left out', typeView(body.schema)))
  told.append(part('As a command', copyable(curl(endpoint))))
  const statuses = Object.keys(operation.responses)
  const good = statuses.filter((status) => status.startsWith('2'))
  for (const status of good) told.append(part(`Answer ${status}`, ...answerView(operation.responses[status])))
  told.append(part('Refusals', errorView(operation.responses, statuses.filter((status) => !good.includes(status)))))
  return told
}

/** @param {Schema} operation */
function keysText(operation) {
  if (operation.description || !operation.security?.length) return ''
  return `With a key in the header ${Object.keys(operation.security[0])[0]}.`
}

/** @param {string} title @param {...HTMLElement} content */
function part(title, ...content) {
  const box = element('section', 'part')
  box.append(element('h3', '', title), ...content)
  return box
}

/** @param {Schema[]} parameters */
function parameterList(parameters) {
  const list = element('ul', 'fields')
  for (const { name, in: where, required, description, schema } of parameters) {
    const line = fieldLine({ name, required, schema }, where)
    if (description) line.append(sentence('', description))
    list.append(line)
  }
  return list
}

/** @param {Schema} answer */
function answerView(answer) {
  /** @type {HTMLElement[]} */
  const views = []
  for (const [kind, { schema }] of Object.entries(answer.content ?? {})) {
    if (kind === 'application/json') {
      views.push(typeView(schema), folded('Example', copyable(JSON.stringify(schemas.example(schema, true), null, 2))))
    } else {
      views.push(element('p', 'kind', STREAMS.includes(kind) ? `A stream: ${kind}` : kind))
    }
  }
  return views.length ? views : [element('p', 'kind', answer.description || 'Nothing.')]
}

/** All refusals look alike: their statuses, then the one body. @param {Schema} responses @param {string[]} statuses */
function errorView(responses, statuses) {
  const view = element('div')
  const list = element('dl', 'statuses')
  for (const status of statuses) list.append(element('dt', '', status), element('dd', '', responses[status].description))
  view.append(list)
  const schema = statuses.map((status) => responses[status].content?.['application/json']?.schema).find(Boolean)
  if (schema) view.append(folded('Their body', typeView(schema)))
  return view
}

// -- types ---------------------------------------------------------------------------------------------

/** A type with its fields, and theirs. @param {Schema} schema @param {number} depth @returns {HTMLElement} */
function typeView(schema, depth = 0) {
  const view = element('div', 'type')
  const objects = schemas.objects(schema)
  if (!objects.length) {
    view.append(element('p', 'kind', schemas.typeName(schema)))
    return view
  }
  for (const object of objects) {
    const { description } = schemas.resolved(object)
    if (objects.length > 1) view.append(element('h4', '', schemas.typeName(object)))
    if (description) view.append(sentence('kind', description))
    const list = element('ul', 'fields')
    const fields = schemas.fields(object)
    list.append(...fields.map((field) => nestedField(field, depth)))
    if (fields.length) view.append(list)
  }
  return view
}

/** @param {import('./schema.js').Field} field @param {number} depth */
function nestedField(field, depth) {
  const line = fieldLine(field)
  if (field.schema.description) line.append(sentence('', field.schema.description))
  if (depth < NESTED_MAX && schemas.objects(field.schema).length) {
    line.append(folded('Its fields', () => typeView(field.schema, depth + 1)))
  }
  return line
}

/** @param {import('./schema.js').Field} field @param {string} [where] */
function fieldLine({ name, required, schema }, where = '') {
  const line = element('li')
  line.append(element('code', 'name', name), ' ', element('span', 'kind', schemas.typeName(schema)))
  const more =
    where === 'path'
      ? ['in the path']
      : [where === 'header' ? 'a header' : '', schemas.bounds(schema, required), required ? '' : 'optional']
  line.append(' ', element('span', 'more', more.filter(Boolean).join(' · ')))
  return line
}

/** Prose in which backticks mark names. @param {string} className @param {string} text */
function sentence(className, text) {
  const line = element('p', className)
  text.split('`').forEach((part, at) => line.append(at % 2 ? element('code', '', part) : part))
  return line
}

/** What is seen on demand, and made then if it is a function. @param {string} title @param {HTMLElement | (() => HTMLElement)} content */
function folded(title, content) {
  const box = /** @type {HTMLDetailsElement} */ (element('details', 'folded'))
  box.append(element('summary', '', title))
  if (content instanceof HTMLElement) box.append(content)
  else box.addEventListener('toggle', () => box.childElementCount === 1 && box.append(content()))
  return box
}

// -- commands ------------------------------------------------------------------------------------------

/** The request for a shell; what has to be filled in is in capitals. @param {Endpoint} endpoint */
function curl({ method, path, item, operation }) {
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => name.toUpperCase())
  const wanted = (operation.parameters ?? []).filter((/** @type {Schema} */ one) => one.required && one.in === 'query')
  const query = wanted.map((/** @type {Schema} */ one) => `${one.name}=${one.name.toUpperCase()}`).join('&')
  const url = new URL(filled.slice(1), BASE).href + (query ? `?${query}` : '')
  const streams = Object.values(operation.responses).some((answer) => STREAMS.some((kind) => answer.content?.[kind]))
  const lines = [`curl ${streams ? '-N ' : ''}${method === 'get' ? '' : `-X ${method.toUpperCase()} `}'${url}'`]
  const key = operation.security?.map((/** @type {Schema} */ one) => Object.keys(one)[0]).find(Boolean)
  if (key === 'bearer') lines.push(`-H "Authorization: Bearer $KEY"`)
  else if (key) lines.push(`-H "${key}: $KEY"`)
  const body = operation.requestBody?.content?.['application/json']
  if (body) {
    const text = JSON.stringify(schemas.example(body.schema, false))
    lines.push(`-H 'Content-Type: application/json'`, `-d '${text.replaceAll("'", `'\\''`)}'`)
  }
  return lines.join(' \\\n  ')
}

/** @param {string} text */
function copyable(text) {
  const box = element('div', 'copyable')
  const code = element('pre')
  code.tabIndex = 0
  code.append(element('code', '', text))
  const button = element('button', 'quiet', 'Copy')
  button.setAttribute('type', 'button')
  button.addEventListener('click', async () => {
    button.textContent = (await copied(text)) ? 'Copied' : 'Cannot copy here'
    setTimeout(() => (button.textContent = 'Copy'), 1500)
  })
  box.append(code, button)
  return box
}

/** @param {string} text */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false // no clipboard on plain http from another host
  }
}

// -- finding ---------------------------------------------------------------------------------------------

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean)
  let count = 0
  for (const [box, endpoint] of shown) {
    const fits = words.every((word) => endpoint.words.includes(word))
    box.hidden = !fits
    count += Number(fits)
  }
  for (const section of find('endpoints').children) {
    const empty = !section.querySelector('.endpoint:not([hidden])')
    section.toggleAttribute('hidden', empty)
  }
  lead.textContent = words.length ? `${count} of ${shown.size} endpoints` : api.info.description
}

/** Opens the endpoint that the address names. */
function openNamed() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)))
  if (named instanceof HTMLDetailsElement) {
    named.open = true
    named.scrollIntoView()
  }
}

function listen() {
  search.addEventListener('input', filter)
  find('finder').addEventListener('submit', (event) => event.preventDefault())
  addEventListener('hashchange', openNamed)
  addEventListener('keydown', (event) => {
    const writes = event.target instanceof HTMLInputElement
    if (event.key !== '/' || writes || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    search.focus()
  })
}

try {
  api = await (await fetch(new URL('openapi.json', BASE))).json()
  schemas = new Schemas(api)
  find('title').textContent = `${api.info.title} ${api.info.version}`
  document.title = `API of the ${api.info.title.toLowerCase()}`
  showAll()
  filter()
  listen()
  openNamed()
} catch (error) {
  console.error(error)
  lead.textContent = 'The description could not be read. Reload the page to try again.'
}
