// @ts-check
/** JSON schemas of an OpenAPI document for readers: what a type is called, which fields it has, an example. */

/**
 * @typedef {Record<string, any>} Schema
 * @typedef {object} Field
 * @property {string} name
 * @property {boolean} required
 * @property {Schema} schema
 */

const DEPTH_MAX = 6
/** Values that make an example a request that works with the demo; other texts are a word. */
const TEXTS = /** @type {Record<string, string>} */ ({
  content: 'How many users are there?',
  conversation_id: '00000000-0000-4000-8000-000000000000',
  conversationId: '00000000-0000-4000-8000-000000000000',
  message: 'How many users are there?',
  model: 'sql-assistant',
  name: 'Ann',
  text: 'How many users are there?',
  timestamp: '2026-01-31T12:00:00.000000Z',
  user: 'alice',
  userId: 'alice',
  user_id: 'alice',
})

/** Reads schemas that refer to components of one document. */
export class Schemas {
  /** @param {Schema} document */
  constructor(document) {
    this.components = /** @type {Record<string, Schema>} */ (document.components?.schemas ?? {})
  }

  /** The schema itself, where it may only refer to one. @param {Schema} schema @returns {Schema} */
  resolved(schema) {
    return schema?.$ref ? this.components[nameIn(schema.$ref)] ?? {} : schema ?? {}
  }

  /** In words, such as `list of TextPart or ImagePart`. @param {Schema} schema @returns {string} */
  typeName(schema) {
    if (schema.$ref) return lastPart(nameIn(schema.$ref))
    const choices = schema.anyOf ?? schema.oneOf
    if (choices) return [...new Set(choices.map((/** @type {Schema} */ one) => this.typeName(one)))].join(' or ')
    if (schema.const !== undefined) return JSON.stringify(schema.const)
    if (schema.enum) return schema.enum.map((/** @type {unknown} */ one) => JSON.stringify(one)).join(' or ')
    if (schema.type === 'array') return `list of ${schema.items ? this.typeName(schema.items) : 'anything'}`
    if (Array.isArray(schema.type)) return schema.type.join(' or ')
    if (schema.type === 'object') return this.#mapName(schema)
    return schema.type ?? 'anything'
  }

  /** What else has to hold, such as `1 to 100`. @param {Schema} schema @param {boolean} required */
  bounds(schema, required) {
    const inner = (schema.anyOf ?? [schema]).find((/** @type {Schema} */ one) => one.type !== 'null') ?? schema
    const told = []
    const { minimum, maximum, minLength, maxLength, minItems, pattern } = inner
    if (minimum !== undefined && maximum !== undefined) told.push(`${minimum} to ${maximum}`)
    else if (minimum !== undefined) told.push(`at least ${minimum}`)
    else if (maximum !== undefined) told.push(`at most ${maximum}`)
    if (minLength && maxLength) told.push(`${minLength} to ${maxLength} characters`)
    else if (minLength) told.push('not empty')
    else if (maxLength) told.push(`at most ${maxLength} characters`)
    if (minItems) told.push(`at least ${minItems}`)
    if (pattern) told.push(`like ${pattern}`)
    if (!required && schema.default !== undefined && schema.default !== null) told.push(`else ${JSON.stringify(schema.default)}`)
    return told.join(', ')
  }

  /** The named object types within a type: itself, its choices, the items of its list. @param {Schema} schema @returns {Schema[]} */
  objects(schema) {
    const choices = schema.anyOf ?? schema.oneOf
    if (choices) return choices.flatMap((/** @type {Schema} */ one) => this.objects(one))
    if (schema.type === 'array') return schema.items ? this.objects(schema.items) : []
    if (schema.type === 'object' && schema.additionalProperties?.$ref) return this.objects(schema.additionalProperties)
    const whole = this.resolved(schema)
    if (schema.$ref && (whole.anyOf || whole.oneOf || whole.type === 'array')) return this.objects(whole)
    return whole.properties ? [schema] : []
  }

  /** @param {Schema} schema @returns {Field[]} */
  fields(schema) {
    const { properties = {}, required = [] } = this.resolved(schema)
    return Object.entries(properties).map(([name, one]) => ({ name, required: required.includes(name), schema: one }))
  }

  /**
   * A value that fits: of bodies only what is required, so that it can be sent as it is.
   * @param {Schema} schema @param {boolean} whole  also what may be missing
   * @returns {any}
   */
  example(schema, whole, name = '', depth = 0) {
    const one = this.resolved(schema)
    const choices = one.anyOf ?? one.oneOf
    if (choices) {
      const best = choices.find((/** @type {Schema} */ choice) => choice.type !== 'null') ?? choices[0]
      return this.example(best, whole, name, depth)
    }
    if (one.default !== undefined && one.default !== null) return one.default
    if (one.const !== undefined) return one.const
    if (one.enum) return one.enum[0]
    if (one.type === 'object') return this.#exampleObject(one, whole, depth)
    if (one.type === 'array') {
      const wanted = one.items && depth < DEPTH_MAX && (whole || one.minItems)
      return wanted ? [this.example(one.items, whole, name, depth + 1)] : []
    }
    if (one.type === 'integer' || one.type === 'number') return one.minimum ?? 1
    if (one.type === 'boolean') return true
    if (one.type === 'null') return null
    return TEXTS[name] ?? (one.type === 'string' ? 'text' : {})
  }

  /** @param {Schema} schema @param {boolean} whole @param {number} depth */
  #exampleObject(schema, whole, depth) {
    if (depth >= DEPTH_MAX) return {}
    const all = this.fields(schema)
    const needed = all.filter(({ required }) => required)
    const wanted = whole ? all : needed.length || depth ? needed : all.slice(0, 1) // an empty body shows nothing
    return Object.fromEntries(wanted.map(({ name, schema }) => [name, this.example(schema, whole, name, depth + 1)]))
  }

  /** @param {Schema} schema */
  #mapName(schema) {
    const values = schema.additionalProperties
    if (!values || values === true || !Object.keys(values).length) return 'object'
    return `object of ${this.typeName(values)}`
  }
}

/** @param {string} reference */
function nameIn(reference) {
  return reference.slice('#/components/schemas/'.length)
}

/** @param {string} name */
function lastPart(name) {
  return name.slice(name.lastIndexOf('.') + 1)
}
