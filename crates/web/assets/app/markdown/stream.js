// A text that grows, shown as Markdown: what stands firm is rendered once, and each frame renders the last block alone.
import { highlightIn } from './highlight.js'
import { blocks, safe } from './render.js'

export class GrowingMarkdown {
  #element
  #onBlock
  /** What of the text stands in blocks that nothing changes any more. */
  #firm = 0
  /** The nodes of the last block. */
  #open = []
  #text = ''

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
    if (text === this.#text) return
    if (!text.startsWith(this.#text)) this.#begin()
    this.#text = text
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
    if (!last) return
    if (found.length) this.#firm += startOfLine(rest, last.line)
    this.#open = [...safe(last.html()).childNodes]
    this.#element.append(...this.#open)
  }

  /** Nothing more comes. */
  end() {
    this.#onBlock(this.#open.map(node => node.textContent).join(' '))
    for (const node of this.#open) if (node instanceof HTMLElement) highlightIn(node)
  }

  #begin() {
    this.#element.replaceChildren()
    this.#firm = 0
    this.#open = []
    this.#text = ''
  }
}

/** Where a line begins. @param {string} text @param {number} line */
function startOfLine(text, line) {
  let at = 0
  for (let number = 0; number < line; number++) at = text.indexOf('\n', at) + 1
  return at
}
