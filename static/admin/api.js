// @ts-check
/** The console's API: JSON requests below `/admin/api`, files, and the stream of live events. */
import { queryText } from './route.js'

/** @typedef {import('./route.js').Query} Query */

const API = new URL('../../admin/api', import.meta.url).pathname

/** A request that was refused, or did not arrive (status 0). */
export class ApiError extends Error {
  /** @param {number} status @param {string} code @param {string} message @param {any} [details] @param {number} [retryAfter] seconds */
  constructor(status, code, message, details, retryAfter) {
    super(message)
    this.status = status
    this.code = code
    this.details = details
    this.retryAfter = retryAfter
  }
}

/** Called when a request is refused as nobody is signed in; the shell sets it. @type {() => void} */
let signedOut = () => {}

/** @param {() => void} callback */
export function onSignedOut(callback) {
  signedOut = callback
}

/** The address of an endpoint, as for a link to a file. @param {string} path @param {Query} [query] */
export function apiUrl(path, query) {
  return `${API}/${path.replace(/^\//, '')}${queryText(query)}`
}

/** @param {string} path @param {Query} [query] @param {AbortSignal} [signal] @returns {Promise<any>} */
export const get = (path, query, signal) => send('GET', apiUrl(path, query), undefined, signal)
/** @param {string} path @param {unknown} [body] @returns {Promise<any>} */
export const post = (path, body) => send('POST', apiUrl(path), body)
/** @param {string} path @param {unknown} [body] @returns {Promise<any>} */
export const put = (path, body) => send('PUT', apiUrl(path), body)
/** @param {string} path @param {unknown} [body] @returns {Promise<any>} */
export const patch = (path, body) => send('PATCH', apiUrl(path), body)
/** @param {string} path @param {unknown} [body] @returns {Promise<any>} */
export const del = (path, body) => send('DELETE', apiUrl(path), body)

/** @param {string} method @param {string} url @param {unknown} [body] @param {AbortSignal} [signal] */
async function send(method, url, body, signal) {
  const answer = await ask(url, {
    method,
    signal,
    headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  if (answer.status === 204) return null
  const text = await answer.text()
  return text ? parsed(text) : null
}

/** @param {string} url @param {RequestInit} options @returns {Promise<Response>} a good answer; ApiError otherwise */
async function ask(url, options) {
  /** @type {Response} */
  let answer
  try {
    answer = await fetch(url, { credentials: 'same-origin', ...options })
  } catch (error) {
    if (options.signal?.aborted) throw error
    throw new ApiError(0, 'UNREACHABLE', 'The appliance does not answer. Check the network and try again.')
  }
  if (!answer.ok) throw refusal(answer.status, await answer.text(), answer.headers.get('Retry-After'))
  return answer
}

/** @param {number} status @param {string} text @param {string | null} retryAfter */
function refusal(status, text, retryAfter) {
  const { error, message, code, details, retry_after: seconds } = parsed(text) ?? {}
  const wait = Number(seconds ?? details?.retry_after ?? retryAfter ?? NaN)
  const told = typeof error === 'string' ? error : (message ?? error?.message)
  const failure = new ApiError(
    status,
    String(code ?? ''),
    told || `The appliance answered ${status}.`,
    details,
    Number.isFinite(wait) ? wait : undefined,
  )
  if (status === 401 && ['AUTHENTICATION_REQUIRED', 'INVALID_TOKEN'].includes(failure.code)) signedOut()
  return failure
}

/** @param {string} text @returns {any} null when it is no JSON */
function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/**
 * Upload a form with files and tell how far it is.
 * @param {string} path @param {FormData} form @param {(share: number) => void} [onProgress]  0 to 1
 * @returns {Promise<any>}
 */
export function upload(path, form, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', apiUrl(path))
    request.upload.onprogress = (event) => event.lengthComputable && onProgress?.(event.loaded / event.total)
    request.onerror = () =>
      reject(new ApiError(0, 'UNREACHABLE', 'The upload was cut off. Check the network and try again.'))
    request.onload = () => {
      if (request.status < 300) resolve(parsed(request.responseText))
      else reject(refusal(request.status, request.responseText, request.getResponseHeader('Retry-After')))
    }
    request.send(form)
  })
}

/**
 * Save what an endpoint answers as a file.
 * @param {string} path @param {{method?: string, query?: Query, body?: unknown, name: string}} options
 */
export async function download(path, { method = 'GET', query, body, name }) {
  const answer = await ask(apiUrl(path, query), {
    method,
    headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  saveFile(await answer.blob(), name)
}

/** @param {Blob} blob @param {string} name */
export function saveFile(blob, name) {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

export { live } from './live.js'
