// Markdown to what may stand in the page. Two things have to fail for a hostile text to do harm: markdown-it takes no HTML
// and no odd links, and DOMPurify lets nothing through that runs, loads or leads away unasked.
import '../../vendor/dompurify.js'
import '../../vendor/markdown-it.js'
import { t } from '../strings.js'

const { DOMPurify, markdownit } = globalThis

const markdown = markdownit({ html: false, linkify: true, breaks: true })
const { rules } = markdown.renderer
const escape = markdown.utils.escapeHtml

/** A block of code, with what language it is in and a button to copy it. */
rules.fence = (tokens, index) => {
  const { content, info } = tokens[index]
  const language = info.trim().split(/\s/)[0].replace(/[^\w+#.-]/g, '').slice(0, 20)
  return (
    `<div class="code"><div class="code-head"><span>${escape(language)}</span>` +
    `<button type="button" class="quiet" data-copy="code">${escape(t.message.copy)}</button></div>` +
    `<pre tabindex="0"><code data-language="${escape(language)}">${escape(content)}</code></pre></div>`
  )
}
rules.code_block = rules.fence

/** An image of another server is a link to it: whoever sends one does not learn who looks. */
rules.image = (tokens, index) => {
  const token = tokens[index]
  const source = token.attrGet('src') ?? ''
  const words = escape(token.content || t.message.image)
  return `<a href="${escape(source)}">${words}</a>`
}

/** Wide tables scroll by themselves. */
rules.table_open = () => '<div class="table" tabindex="0" role="region"><table>'
rules.table_close = () => '</table></div>'

/** Attributes whose values lead nowhere. */
const HARMLESS = ['data-copy', 'data-language', 'role', 'start', 'tabindex', 'type']
const ALLOWED = {
  ALLOWED_TAGS: [
    ...['a', 'blockquote', 'br', 'button', 'code', 'del', 'div', 'em', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr', 'li'],
    ...['mark', 'ol', 'p', 'pre', 's', 'span', 'strong', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'ul'],
  ],
  ALLOWED_ATTR: ['class', 'href', ...HARMLESS],
  ADD_URI_SAFE_ATTR: HARMLESS,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  RETURN_DOM_FRAGMENT: true,
}

/** HTML that may stand in the page, as nodes. @param {string} dirty */
export function safe(dirty) {
  const nodes = DOMPurify.sanitize(dirty, ALLOWED)
  for (const link of nodes.querySelectorAll('a[href]')) {
    Object.assign(link, { target: '_blank', rel: 'noopener noreferrer' })
  }
  return nodes
}

/** One line of letters, digits and harmless marks: most of what people say is nothing else, and Markdown leaves it as it is. */
const PLAIN = /^[\p{L}\p{N}](?:[\p{L}\p{N}\p{M} ,;!?'"’“”…—–()-]|[:.](?= ))*[.!?…]?$/u

/** What was made of texts that were shown last: rows come and go while one scrolls. */
const made = new Map()
/** How many texts, and how long ones, in characters. */
const KEPT = 400
const LONGEST = 20_000

/** A whole text as nodes. @param {string} text */
export function render(text) {
  const known = made.get(text)
  if (known) return known.cloneNode(true)
  const nodes = renderAnew(text)
  if (text.length > LONGEST) return nodes
  if (made.size >= KEPT) made.delete(made.keys().next().value)
  made.set(text, nodes.cloneNode(true))
  return nodes
}

/** @param {string} text */
function renderAnew(text) {
  if (PLAIN.test(text) && !/^\d+[.)]/.test(text)) {
    const paragraph = document.createElement('p')
    paragraph.textContent = text
    return paragraph
  }
  return safe(markdown.render(text))
}

/** A text's blocks: where each begins, by lines. @param {string} text @returns {{ html: () => string, line: number }[]} */
export function blocks(text) {
  const environment = {}
  const tokens = markdown.parse(text, environment)
  const starts = tokens.flatMap((token, at) => (token.level === 0 && token.nesting >= 0 ? [at] : []))
  return starts.map((at, number) => ({
    line: tokens[at].map?.[0] ?? 0,
    html: () => markdown.renderer.render(tokens.slice(at, starts[number + 1]), markdown.options, environment),
  }))
}
