// @ts-check
/** How the chat looks. The bundle (static/bundle.mjs) puts the rules themselves here. */
export const rules = await (await fetch(new URL('style.css', import.meta.url))).text()
