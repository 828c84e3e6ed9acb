// A list of any length of which only what can be seen is in the page. Heights are guessed until they are measured; what
// the reader looks at stays where it is, whatever changes above it.
import { Component, createRef, html } from '../html.js'

/** How far beyond what is seen rows are kept, in pixels. */
const MARGIN = 900
/** From how far above the first row more of them are asked for, in pixels. */
const EARLY = 1_200
/** How near to the end the reader counts as being at it, in pixels. */
const NEAR = 40

/**
 * Props: `items` with a `key` each, `row` that shows one, `onEarlier`, `onAtEnd` told whether the reader is at the end,
 * `label`, and `head` above the first row.
 */
export class WindowedList extends Component {
  root = createRef()
  body = createRef()
  /** Measured heights by key. */
  heights = new Map()
  guess = 96
  tops = new Float64Array(1)
  state = { from: 0, to: 0 }
  stick = true
  anchor = null

  constructor(props) {
    super(props)
    this.observer = new ResizeObserver(entries => this.measured(entries))
    this.place(props.items)
    this.state = { from: Math.max(0, props.items.length - 20), to: props.items.length }
  }

  componentDidMount() {
    this.observer.observe(this.root.current)
    this.watchRows()
    this.settle()
    this.onScroll()
  }

  componentWillUnmount() {
    this.observer.disconnect()
    cancelAnimationFrame(this.frame)
  }

  /** The rows are others now, or more: those near what the reader looks at are shown. */
  move(items) {
    const { state } = this
    this.place(items)
    if (this.stick || !this.anchor) return Object.assign(state, { from: Math.max(0, items.length - 20), to: items.length })
    const at = this.indexOf(this.anchor.key)
    const moved = at < 0 ? 0 : at - this.anchor.at
    this.anchor.at += moved
    Object.assign(state, { from: Math.max(0, state.from + moved), to: state.to + moved })
  }

  /** Where each row begins. @param {any[]} items */
  place(items) {
    if (this.tops.length !== items.length + 1) this.tops = new Float64Array(items.length + 1)
    for (let at = 0; at < items.length; at++) {
      this.tops[at + 1] = this.tops[at] + (this.heights.get(items[at].key) ?? this.guess)
    }
    this.placed = items
  }

  componentDidUpdate() {
    this.watchRows()
    this.settle()
    // In a frame of its own: rows that change what is near could otherwise hold up the page in a circle.
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0
      this.look()
    })
  }

  /** Measures the rows that are new, and goes on to watch them. */
  watchRows() {
    const now = new Set(this.body.current.children)
    for (const row of this.watched ?? []) if (!now.has(row)) this.observer.unobserve(row)
    let measured = false
    for (const row of now) {
      if (this.watched?.has(row)) continue
      this.observer.observe(row)
      const { height } = row.getBoundingClientRect()
      measured ||= this.heights.get(row.dataset.key) !== height
      this.heights.set(row.dataset.key, height)
    }
    this.watched = now
    if (!measured) return
    this.place(this.props.items)
    this.spread()
  }

  measured(entries) {
    let changed = false
    for (const { target, borderBoxSize } of entries) {
      if (target === this.root.current) {
        changed = true
        continue
      }
      const [{ blockSize }] = borderBoxSize
      const { key } = target.dataset
      if (target.isConnected && this.heights.get(key) !== blockSize) {
        this.heights.set(key, blockSize)
        changed = true
      }
    }
    if (!changed) return
    this.place(this.props.items)
    this.spread()
    this.settle()
    this.look()
  }

  /** Makes room above and below for what is not there. */
  spread() {
    const { from, to } = this.range()
    this.body.current.style.paddingTop = `${this.tops[from]}px`
    this.body.current.style.paddingBottom = `${this.tops.at(-1) - this.tops[to]}px`
  }

  /** Puts what the reader looks at where it was. */
  settle() {
    const root = this.root.current
    if (this.stick) root.scrollTop = root.scrollHeight
    else if (this.anchor) {
      const at = this.indexOf(this.anchor.key)
      if (at >= 0) {
        const wanted = this.tops[at] + this.headHeight() - this.anchor.above
        if (Math.abs(root.scrollTop - wanted) > 0.5) root.scrollTop = wanted
      }
    }
  }

  indexOf(key) {
    const { items } = this.props
    // It is where it was, or somewhat further down.
    const was = this.anchor?.at ?? 0
    for (let at = was; at < items.length; at++) if (items[at].key === key) return at
    return items.findIndex(item => item.key === key)
  }

  headHeight() {
    return this.body.current.offsetTop
  }

  /** The row at a height. */
  rowAt(height) {
    let [low, high] = [0, this.tops.length - 2]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.tops[middle] <= height) low = middle
      else high = middle - 1
    }
    return Math.max(0, low)
  }

  range() {
    const most = this.props.items.length
    return { from: Math.min(this.state.from, most), to: Math.min(this.state.to, most) }
  }

  onScroll = () => {
    const root = this.root.current
    const left = root.scrollHeight - root.scrollTop - root.clientHeight
    const stick = left <= NEAR
    if (stick !== this.stick) {
      this.stick = stick
      this.props.onAtEnd(stick)
    }
    const top = root.scrollTop - this.headHeight()
    const at = this.rowAt(top)
    const item = this.props.items[at]
    this.anchor = item ? { key: item.key, at, above: this.tops[at] - top } : null
    this.look()
  }

  /** Shows the rows that are near. */
  look() {
    const root = this.root.current
    const top = root.scrollTop - this.headHeight()
    const from = this.rowAt(top - MARGIN)
    const to = Math.min(this.props.items.length, this.rowAt(top + root.clientHeight + MARGIN) + 1)
    if (from !== this.state.from || to !== this.state.to) this.setState({ from, to })
    if (top < EARLY) this.props.onEarlier()
  }

  toEnd() {
    this.stick = true
    this.props.onAtEnd(true)
    const to = this.props.items.length
    this.setState({ from: Math.max(0, to - 20), to })
    this.settle()
  }

  render({ items, row, label, head }) {
    if (this.placed !== items) this.move(items)
    const { from, to } = this.range()
    const style = { paddingTop: `${this.tops[from]}px`, paddingBottom: `${this.tops.at(-1) - this.tops[to]}px` }
    return html`
      <div class="list" ref=${this.root} onScroll=${this.onScroll} tabindex="0" role="region" aria-label=${label}>
        ${head}
        <div ref=${this.body} class="rows" role="feed" style=${style}>
          ${items.slice(from, to).map((item, at) => html`
            <article key=${item.key} data-key=${item.key} aria-posinset=${from + at + 1} aria-setsize=${items.length}>${row(item)}</article>
          `)}
        </div>
      </div>
    `
  }
}
