// @ts-check
/**
 * The chat on any page: `<script src="https://HOST/widget.js" data-bot="support" defer></script>`.
 *
 * A classic script, so that it knows its own tag. It makes the element `<appliance-chat>` of the tag and loads what
 * that needs from where it came itself; without `data-bot` it only makes the element known. See docs/widget.md.
 */
;(() => {
  const METHODS = ['open', 'close', 'toggle', 'send', 'identify', 'newChat', 'destroy']
  const script = /** @type {HTMLScriptElement} */ (document.currentScript)
  const server = script.src.replace(/(static\/)?widget\.js([?#].*)?$/, '')
  const loaded = import(`${server}static/widget/element.js`)
  loaded.catch((error) => console.error(`The chat could not be loaded from ${server}`, error))

  /** @type {any} */
  let made = null
  const { bot, target, title } = script.dataset
  if (bot) {
    made = document.createElement('appliance-chat')
    made.setAttribute('server', server)
    for (const { name, value } of script.attributes) {
      const own = /^data-(?!title|target)(.+)/.exec(name)
      if (own) made.setAttribute(own[1], value)
    }
    if (title) made.setAttribute('heading', title) // `title` would be a tooltip
    if (target) made.setAttribute('mode', 'inline')
    const place = () => {
      const parent = target ? document.querySelector(target) : document.body
      if (parent) parent.append(made)
      else console.error(`The chat has no place: nothing on the page is ${target}`)
    }
    if (document.body && document.readyState !== 'loading') place()
    else document.addEventListener('DOMContentLoaded', place)
  }

  const page = /** @type {any} */ (window)
  const before = page.ApplianceChat
  if (before?.on) return // the first tag's

  /** @type {any} */
  const api = {
    get element() {
      return made ?? document.querySelector('appliance-chat')
    },
    /** @param {string} type @param {(detail: any) => void} act @returns {() => void} takes `act` off again */
    on(type, act) {
      const heard = (/** @type {any} */ event) => (!made || event.target === made) && act(event.detail)
      document.addEventListener(`appliance:${type}`, heard)
      return () => document.removeEventListener(`appliance:${type}`, heard)
    },
    /** A call that was made before this was here. @param {any[]} call */
    push: ([name, ...values]) => api[name](...values),
  }
  for (const name of METHODS)
    api[name] = (/** @type {any[]} */ ...values) => loaded.then(() => api.element[name](...values))
  page.ApplianceChat = api
  if (Array.isArray(before)) before.forEach(api.push)
})()
