// Preact with htm: components without a build step.
import htm from '../vendor/htm.mjs'
import { Component, h } from '../vendor/preact.mjs'

export const html = htm.bind(h)

/**
 * A component that is drawn again only where one of its properties is another.
 *
 * @template P
 * @param {(props: P) => any} view
 */
export const memo = view =>
  class extends Component {
    /** @param {any} next */
    shouldComponentUpdate(next) {
      const now = /** @type {any} */ (this.props)
      for (const name in next) if (next[name] !== now[name]) return true
      for (const name in now) if (!(name in next)) return true
      return false
    }

    /** @param {any} props */
    render(props) {
      return view(props)
    }
  }

export { Component, createRef, render } from '../vendor/preact.mjs'
export { useEffect, useLayoutEffect, useRef, useState } from '../vendor/preact-hooks.mjs'
