// A text that grows, shown as Markdown: what stands firm is rendered once, each frame renders the
// last block alone, and where nothing but words came, those are added and nothing is rendered.
import { highlightIn } from './highlight.js'
import { blocks, safe } from './render.js'

/** How long words may be added as they are before the block is made of its Markdown again, in milliseconds. */
const AGAIN = 250
/** Words that mean nothing in Markdown, behind a line with words whose last one is nothing but letters, either. */
const WORDS = /^[\p{L}\p{N} ,'’-]+$/u
const BEFORE = /[\p{L}\p{N}][^\n]*$/u
const LAST = /(?:^|\s)[\p{L}\p{N},'’-]*$/u
/** Where text stands by itself: behind it, and not within, comes what follows. */
const BLOCKS = new Set(['P', 'LI', 'TD', 'TH', 'H1', 'H2', 'H3', 'H4', 'H5', 'H6'])

export class GrowingMarkdown {
  #element
  #onBlock
  /** What of the text stands in blocks that nothing changes any more. */
  #firm = 0
  /** The nodes of the last block. */
  #open = []
  #text = ''
  /** The last words of the last block, where more of them can be added; when that was made, and how far the text went then. */
  #tail = null
  #madeAt = 0
  #made = 0

  /**
   * @param {HTMLElement} element where it is shown
   * @param {(words: string) => void} [onBlock] told the words of each block that stands firm
   */
  constructor(element, onBlock = () => {}) {
    this.#element = element
    this.#onBlock = onBlock
    element.replaceChildren()
  }

  /** Shows the text as it is now. One that is no continuation begins anew. @param {string} text */
  show(text) {
    // Markdown takes each of these for the end of a line, and lines are counted here.
    text = text.replace(/\r\n?/g, '\n')
    if (text === this.#text) return
    if (!text.startsWith(this.#text)) this.#begin()
    if (this.#adds(text)) return
    this.#text = text
    this.#make()
  }

  /** Adds what came to the words that are there, where that is all that Markdown would do. @param {string} text */
  #adds(text) {
    if (!this.#tail || performance.now() - this.#madeAt > AGAIN) return false
    if (!WORDS.test(text.slice(this.#made)) || !LAST.test(this.#text)) return false
    this.#tail.appendData(text.slice(this.#text.length))
    this.#text = text
    return true
  }

  /** What stands at the end, where words can be added to it. */
  #lastWords() {
    if (!BEFORE.test(this.#text) || !LAST.test(this.#text)) return null
    let node = this.#open.findLast(isSaid)
    while (node && !(node instanceof Text)) node = [...node.childNodes].findLast(isSaid)
    if (!(node instanceof Text) || !BLOCKS.has(node.parentElement?.tagName)) return null
    // Markdown left out the spaces at the end, which are there now that something follows.
    const spaces = this.#text.length - this.#text.trimEnd().length
    if (spaces) node.appendData(' '.repeat(spaces))
    return node
  }

  #make() {
    const text = this.#text
    const rest = text.slice(this.#firm)
    const found = blocks(rest)
    const last = found.pop()
    for (const node of this.#open) node.remove()
    this.#open = []
    for (const block of found) {
      const nodes = [...safe(block.html()).childNodes]
      this.#element.append(...nodes)
      for (const node of nodes) if (node instanceof HTMLElement) highlightIn(node)
      this.#onBlock(nodes.map(node => node.textContent).join(' '))
    }
    this.#tail = null
    if (!last) return
    if (found.length) this.#firm += startOfLine(rest, last.line)
    this.#open = [...safe(last.html()).childNodes]
    this.#element.append(...this.#open)
    this.#tail = this.#lastWords()
    this.#madeAt = performance.now()
    this.#made = text.length
  }

  /** Nothing more comes. */
  end() {
    this.#make()
    this.#onBlock(this.#open.map(node => node.textContent).join(' '))
    for (const node of this.#open) if (node instanceof HTMLElement) highlightIn(node)
  }

  #begin() {
    this.#element.replaceChildren()
    this.#firm = 0
    this.#open = []
    this.#text = ''
    this.#tail = null
  }
}

/** What is more than a new line between two tags. @param {Node} node */
const isSaid = node => node.textContent.trim() !== ''

/** Where a line begins. @param {string} text @param {number} line */
function startOfLine(text, line) {
  let at = 0
  for (let number = 0; number < line; number++) at = text.indexOf('\n', at) + 1
  return at
}
