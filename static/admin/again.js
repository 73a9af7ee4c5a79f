// @ts-check
/** What is read again while a page is open, as nobody tells of it: only while somebody looks. */

/**
 * Read every few seconds, one reading at a time; what fails is tried again next time.
 * @param {number} ms @param {() => Promise<unknown>} work @param {AbortSignal} signal  ends it
 */
export function again(ms, work, signal) {
  let reading = false
  const timer = setInterval(async () => {
    if (reading || document.visibilityState === 'hidden') return
    reading = true
    await work().catch(() => {})
    reading = false
  }, ms)
  signal.addEventListener('abort', () => clearInterval(timer), { once: true })
}
