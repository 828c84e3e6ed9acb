// Colours in code. The highlighter is larger than all the rest, and is loaded with the first block of code.
import { safe } from './render.js'

/** The longest code that is coloured, in characters: more would hold up the page. */
const LONGEST = 40_000

let loading

/** Colours the code in an element, when there is time. @param {HTMLElement} element */
export async function highlightIn(element) {
  const found = element.matches('code[data-language]') ? [element] : element.querySelectorAll('code[data-language]')
  const codes = /** @type {HTMLElement[]} */ ([...found]).filter(code => code.dataset.language && code.textContent.length <= LONGEST)
  if (!codes.length) return
  loading ??= import('../../vendor/highlight.mjs')
  const { default: highlighter } = await loading
  for (const code of codes) {
    const { language } = code.dataset
    if (!highlighter.getLanguage(language) || code.firstElementChild) continue
    code.replaceChildren(safe(highlighter.highlight(code.textContent, { language, ignoreIllegals: true }).value))
  }
}
