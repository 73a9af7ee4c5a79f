// @ts-check
/** What a bot's tools do, in words for people who never saw their names. */

/** @type {Record<string, string>} */
const WORDS = {
  search_vectors: 'Searched the documents',
  execute_sql: 'Asked the database',
  query_table: 'Asked the database',
  http_get: 'Asked a web address',
  query_knowledge_graph: 'Looked up things and people',
  find_related_entities: 'Looked up what belongs together',
  browse_knowledge_graph: 'Looked up things and people',
  talk_to_person: 'Asked for a person',
  think: 'Thought it over',
  confirm_change: 'A change was decided',
}
/** Arguments that say what it was called for. */
const QUESTIONS = ['query', 'reason', 'question', 'url', 'thought', 'name']
const CHARS_MAX = 160

/** What the tool of that name did; tools of the team keep their names. @param {string | undefined} name */
export function toolWords(name) {
  return name && Object.hasOwn(WORDS, name) ? WORDS[name] : name || 'Tool'
}

/** What it was called for, as far as its arguments tell. @param {{arguments?: unknown}} call @returns {string} */
export function toolQuestion({ arguments: given }) {
  const values = valuesOf(given)
  const found = QUESTIONS.map((key) => values[key]).find((value) => typeof value === 'string' && value)
  if (typeof found !== 'string') return ''
  return found.length > CHARS_MAX ? `${found.slice(0, CHARS_MAX)}…` : found
}

/** A model may have written anything in the place of its arguments. @param {unknown} given @returns {Record<string, unknown>} */
function valuesOf(given) {
  if (typeof given !== 'string') return given && typeof given === 'object' ? /** @type {any} */ (given) : {}
  try {
    return valuesOf(JSON.parse(given) ?? {})
  } catch {
    return {}
  }
}
