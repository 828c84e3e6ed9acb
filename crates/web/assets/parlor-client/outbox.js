/** @typedef {import('./types.js').Outgoing} Outgoing */
/** @typedef {import('./types.js').Place} Place */

const PREFIX = 'parlor-outbox:'

/**
 * Messages that are not confirmed yet, in the order in which they were written. Each is kept under a key of its own, so
 * that it outlives the page, and tabs that share a storage do not undo each other's work. Sending one twice is harmless:
 * the server knows it by its id.
 */
export class Outbox {
  /** @type {Map<string, Outgoing & { sent: boolean | 'refused' }>} */
  #waiting = new Map()
  #storage
  #owner

  /**
   * @param {Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'> | null} storage none: in memory alone
   * @param {string} owner whose messages these are; another user of the same storage does not send them
   */
  constructor(storage, owner) {
    this.#storage = storage
    this.#owner = `${PREFIX}${owner}:`
    for (let index = 0; storage && index < storage.length; index++) {
      const key = storage.key(index)
      if (key?.startsWith(this.#owner)) this.#load(storage.getItem(key))
    }
    this.#waiting = new Map([...this.#waiting].sort(([, a], [, b]) => a.at.localeCompare(b.at)))
    for (const it of this.#waiting.values()) this.#adopt(it)
  }

  /** Where the message that would make a conversation is not there, the first of those that wait for it makes it. @param {Outgoing} outgoing */
  #adopt(outgoing) {
    const { id, place } = outgoing
    if (!place || !('pending' in place) || this.#waiting.has(place.pending)) return
    this.settle(place.pending, { pending: id })
    outgoing.place = null
    this.#keep(outgoing)
  }

  /** @param {string | null} text */
  #load(text) {
    try {
      const outgoing = JSON.parse(text ?? 'null')
      if (outgoing?.id) this.#waiting.set(outgoing.id, { ...outgoing, sent: false })
    } catch {
      // What is no message of ours is not sent.
    }
  }

  /** All that wait. @returns {Outgoing[]} */
  all() {
    return [...this.#waiting.values()]
  }

  /** @param {Outgoing} outgoing */
  add(outgoing) {
    this.#waiting.set(outgoing.id, { ...outgoing, sent: false })
    this.#keep(outgoing)
  }

  /** @param {Outgoing} outgoing */
  #keep({ id, place, text, options, files, at }) {
    try {
      this.#storage?.setItem(this.#owner + id, JSON.stringify({ id, place, text, options, files, at }))
    } catch {
      // A storage that is full: the message waits in memory.
    }
  }

  /** Those that can be sent now, which are taken for sent from here on. */
  take() {
    const ready = [...this.#waiting.values()].filter(it => !it.sent && !(it.place && 'pending' in it.place))
    for (const outgoing of ready) outgoing.sent = true
    return ready
  }

  /** Sending does not count: of this one, which was refused for a while, or of all, because the connection is lost. @param {string} [id] */
  again(id) {
    for (const outgoing of this.#waiting.values()) if (!id || outgoing.id === id) outgoing.sent = false
  }

  /** The server wants to be asked later for this one. False where that was known. @param {string} id */
  refuse(id) {
    const outgoing = this.#waiting.get(id)
    if (outgoing?.sent !== true) return false
    outgoing.sent = 'refused'
    return true
  }

  /**
   * Takes one out that was confirmed or refused; gives it. Those that waited for its conversation get `place`.
   *
   * @param {string} id
   * @param {Outgoing['place']} [place]
   * @returns {Outgoing | undefined}
   */
  settle(id, place) {
    const outgoing = this.#waiting.get(id)
    this.#waiting.delete(id)
    this.#storage?.removeItem(this.#owner + id)
    for (const other of this.#waiting.values()) {
      if (place && other.place && 'pending' in other.place && other.place.pending === id) {
        other.place = place
        this.#keep(other)
      }
    }
    return outgoing
  }
}
