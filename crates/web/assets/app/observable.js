/** Something that views show: they are told once a frame that it has changed, however often it did. */
export class Observable {
  #listeners = new Set()
  #told = true

  /** @param {() => void} listener */
  subscribe(listener) {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  changed() {
    if (!this.#told) return
    this.#told = false
    // A page that nobody sees has no frames, and its title counts all the same.
    const soon = document.hidden ? work => setTimeout(work, 50) : requestAnimationFrame
    soon(() => {
      this.#told = true
      for (const listener of this.#listeners) listener()
    })
  }
}
