// @ts-check
/** A link may sign its reader in as somebody else: that is asked first, in a small dialog. */

/** @type {Record<string, [question: string, yes: string, no: string]>} */
const WORDS = {
  en: ['This link signs you in as {name}. So far you are {other}.', 'Sign in', 'Stay'],
  de: ['Dieser Link meldet Sie als {name} an. Bisher sind Sie {other}.', 'Anmelden', 'Bleiben'],
  fr: ['Ce lien vous connecte en tant que {name}. Jusqu’ici vous êtes {other}.', 'Se connecter', 'Rester'],
  es: ['Este enlace inicia sesión como {name}. Hasta ahora es {other}.', 'Iniciar sesión', 'Quedarse'],
  it: ['Questo link accede come {name}. Finora è {other}.', 'Accedi', 'Rimani'],
  pt: ['Este link inicia sessão como {name}. Até agora é {other}.', 'Entrar', 'Ficar'],
  nl: ['Deze link meldt u aan als {name}. Tot nu toe bent u {other}.', 'Aanmelden', 'Blijven'],
  ar: ['يسجّل هذا الرابط دخولك باسم {name}. أنت حتى الآن {other}.', 'تسجيل الدخول', 'البقاء'],
}

/** Whom a token names, unchecked: only to be shown. '' for nobody. @param {string} token @returns {string} */
export function nameIn(token) {
  try {
    const part = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')
    const bytes = Uint8Array.from(atob(part), (letter) => letter.charCodeAt(0))
    const claims = JSON.parse(new TextDecoder().decode(bytes))
    return String(claims.user_id || claims.sub || '').slice(0, 100)
  } catch {
    return ''
  }
}

/** @param {string} name @param {string} other  who one is so far @param {string} lang @returns {Promise<boolean>} */
export function asksToSwitch(name, other, lang) {
  const [question, yes, no] = WORDS[lang] ?? WORDS.en
  const dialog = document.createElement('dialog')
  const line = document.createElement('p')
  line.textContent = question.replace(/\{(\w+)\}/g, (_, key) => (key === 'name' ? name || '?' : other))
  line.id = 'switch'
  dialog.setAttribute('aria-labelledby', line.id)
  dialog.lang = lang
  dialog.dir = lang === 'ar' ? 'rtl' : 'ltr'
  const buttons = [no, yes].map((text) => {
    const node = document.createElement('button')
    node.textContent = text
    node.addEventListener('click', () => dialog.close(text))
    return node
  })
  dialog.append(line, ...buttons)
  document.body.append(dialog)
  dialog.showModal()
  return new Promise((resolve) =>
    dialog.addEventListener('close', () => {
      dialog.remove()
      resolve(dialog.returnValue === yes)
    }),
  )
}
