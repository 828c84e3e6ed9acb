// A list of any length of which only what can be seen is in the page. Heights are guessed until they are measured; what
// the reader looks at stays where it is, whatever changes above it.
import { Component, createRef, html } from '../html.js'

/** How far beyond what is seen rows are kept, in pixels. */
const MARGIN = 900
/** From how far above the first row more of them are asked for, in pixels. */
const EARLY = 1_200
/** How near to the end the reader counts as being at it, in pixels. */
const NEAR = 40

/** How many rows are shown at the end before anything was measured. */
const FIRST = 20

/**
 * Props: `items` with a `key` each, `row(item, active)` that shows one, where `active` says that the pointer or the focus is
 * in it, or that it is the last; `onEarlier`, `onAtEnd` told whether the reader is at the end, `label`, and `head` above the first row.
 *
 * Layout is read once a frame: new rows are measured by the browser's own pass (`ResizeObserver`, before anything is
 * painted), and only what turns out otherwise than it was guessed is put right then.
 */
export class WindowedList extends Component {
  root = createRef()
  body = createRef()
  /** Measured heights by key, and their sum. */
  heights = new Map()
  sum = 0
  guess = 96
  tops = new Float64Array(1)
  /** How high what stands above the rows is. */
  headHeight = 0
  state = { from: 0, to: 0, hovered: null, focused: null }
  stick = true
  anchor = null
  watched = new Set()

  constructor(props) {
    super(props)
    this.observer = new ResizeObserver(entries => this.measured(entries))
    this.place(props.items)
    Object.assign(this.state, { from: Math.max(0, props.items.length - FIRST), to: props.items.length })
  }

  componentDidMount() {
    this.observer.observe(this.root.current)
    this.observer.observe(this.root.current.firstElementChild)
    this.headHeight = this.body.current.offsetTop
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
    // What was measured says best how high the others are. Not while somebody scrolls: the bar would jump.
    if (this.heights.size >= FIRST) this.guess = this.sum / this.heights.size
    this.place(items)
    this.moved = true
    if (this.stick || !this.anchor) return Object.assign(state, { from: Math.max(0, items.length - FIRST), to: items.length })
    const at = this.indexOf(this.anchor.key, items)
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
    if (!this.moved) return
    this.moved = false
    this.settle()
    // In a frame of its own: rows that change what is near could otherwise hold up the page in a circle.
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0
      this.look()
    })
  }

  /** Watches the rows that are new; the first that is heard of each is how high it is. */
  watchRows() {
    const now = new Set(this.body.current.children)
    for (const row of this.watched) if (!now.has(row)) this.observer.unobserve(row)
    for (const row of now) if (!this.watched.has(row)) this.observer.observe(row)
    this.watched = now
  }

  measured(entries) {
    let changed = false
    for (const { target, borderBoxSize } of entries) {
      if (!this.watched.has(target)) {
        this.headHeight = this.body.current.offsetTop
        changed = true
        continue
      }
      const [{ blockSize }] = borderBoxSize
      const { key } = target.dataset
      const known = this.heights.get(key)
      if (known === blockSize) continue
      this.heights.set(key, blockSize)
      this.sum += blockSize - (known ?? 0)
      changed ||= known !== undefined || blockSize !== this.guess
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
      const at = this.indexOf(this.anchor.key, this.props.items)
      if (at >= 0) {
        const wanted = this.tops[at] + this.headHeight - this.anchor.above
        if (Math.abs(root.scrollTop - wanted) > 0.5) root.scrollTop = wanted
      }
    }
  }

  indexOf(key, items) {
    // It is where it was, or somewhat further down.
    const was = this.anchor?.at ?? 0
    for (let at = was; at < items.length; at++) if (items[at].key === key) return at
    return items.findIndex(item => item.key === key)
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
    const top = root.scrollTop - this.headHeight
    const at = this.rowAt(top)
    const item = this.props.items[at]
    this.anchor = item ? { key: item.key, at, above: this.tops[at] - top } : null
    this.look()
  }

  /** Shows the rows that are near. */
  look() {
    const root = this.root.current
    const top = root.scrollTop - this.headHeight
    const from = this.rowAt(top - MARGIN)
    const to = Math.min(this.props.items.length, this.rowAt(top + root.clientHeight + MARGIN) + 1)
    if (from !== this.state.from || to !== this.state.to) this.setState({ from, to })
    if (top < EARLY) this.props.onEarlier()
  }

  toEnd() {
    this.stick = true
    this.props.onAtEnd(true)
    const to = this.props.items.length
    this.moved = true
    this.setState({ from: Math.max(0, to - FIRST), to })
  }

  /** Notes in which row the pointer or the focus is: only that one has all that can be done with it. */
  activate(which, element) {
    const key = element?.closest?.('article')?.dataset.key ?? null
    if (this.state[which] !== key) this.setState({ [which]: key })
  }

  onPointerOver = event => event.pointerType !== 'touch' && this.activate('hovered', event.target)
  onPointerUp = event => event.pointerType === 'touch' && this.activate('hovered', event.target)
  onPointerLeave = event => event.pointerType !== 'touch' && this.activate('hovered', null)
  onFocusIn = event => this.activate('focused', event.target)
  onFocusOut = event => this.activate('focused', event.relatedTarget)

  render({ items, row, label, head }) {
    if (this.placed !== items) this.move(items)
    const { from, to } = this.range()
    const { hovered, focused } = this.state
    const style = { paddingTop: `${this.tops[from]}px`, paddingBottom: `${this.tops.at(-1) - this.tops[to]}px` }
    return html`
      <div class="list" ref=${this.root} onScroll=${this.onScroll} tabindex="0" role="region" aria-label=${label}
        onPointerOver=${this.onPointerOver} onPointerUp=${this.onPointerUp} onPointerLeave=${this.onPointerLeave} onFocusIn=${this.onFocusIn} onFocusOut=${this.onFocusOut}>
        ${head}
        <div ref=${this.body} class="rows" role="feed" style=${style}>
          ${items.slice(from, to).map((item, at) => {
            const active = item.key === hovered || item.key === focused
            const last = from + at === items.length - 1
            return html`
              <article key=${item.key} data-key=${item.key} class=${active ? 'active' : ''} aria-posinset=${from + at + 1} aria-setsize=${items.length}>${row(item, active || last)}</article>
            `
          })}
        </div>
      </div>
    `
  }
}
