/**
 * Events by name. A listener that throws harms nobody else: its error is reported as an uncaught one.
 *
 * @template {Record<string, any>} Events the data of each event, by name
 */
export class Emitter {
  /** @type {Map<keyof Events, Set<(data: any) => void>>} */
  #listeners = new Map()

  /**
   * Calls `listener` with each event of this name; gives a function that ends that.
   *
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {(data: Events[Name]) => void} listener
   * @returns {() => void}
   */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners.add(listener))
    return () => void listeners.delete(listener)
  }

  /**
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {Events[Name]} data
   */
  emit(name, data) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(data)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
