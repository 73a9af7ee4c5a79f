// @ts-check
/* The chosen theme, before the first paint: this script is no module, so the page waits for it. */
{
  const chosen = (() => {
    try {
      return localStorage.getItem('appliance.console.theme')
    } catch {
      return null
    }
  })()
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen
}
