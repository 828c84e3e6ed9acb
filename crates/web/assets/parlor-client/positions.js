/** @typedef {import('./types.js').Place} Place */

/**
 * @typedef {object} Position
 * @property {Place} place
 * @property {number} seq the highest that this client has of it
 * @property {string} [epoch] which log that is of
 */

/** How far this client has read each conversation that it follows: what it tells the server when it comes back. */
export class Positions {
  /** @type {Map<string, Position>} by conversation id */
  #known = new Map()

  /**
   * Follows a conversation from `seq` on.
   *
   * @param {string} conversation
   * @param {Place} place
   * @param {number} seq
   */
  follow(conversation, place, seq) {
    const known = this.#known.get(conversation)
    this.#known.set(conversation, { ...known, place, seq: Math.max(seq, known?.seq ?? 0) })
  }

  /** @param {string} conversation */
  forget(conversation) {
    this.#known.delete(conversation)
  }

  /**
   * Notes an entry that came. False where some before it did not come: the client has to resume.
   *
   * @param {string} conversation
   * @param {number} seq
   */
  saw(conversation, seq) {
    const known = this.#known.get(conversation)
    if (!known || seq <= known.seq) return true
    const whole = seq === known.seq + 1
    // A gap is not read over: the resume from before it brings this entry again.
    if (whole) known.seq = seq
    return whole
  }

  /**
   * Notes where a resume has brought this client.
   *
   * @param {string} conversation
   * @param {number} seq
   * @param {string} epoch
   */
  resumed(conversation, seq, epoch) {
    const known = this.#known.get(conversation)
    if (known) Object.assign(known, { seq, epoch })
  }

  /** @param {string} conversation */
  of(conversation) {
    return this.#known.get(conversation)
  }

  /** What a `resume` frame says of all of them, or of those in `heads` that are behind. @param {Record<string, number>} [heads] */
  lines(heads) {
    const behind = [...this.#known].filter(([id, { seq }]) => !heads || (heads[id] ?? 0) > seq)
    return behind.map(([, { place, seq, epoch }]) => ({ ...place, seq, ...(epoch ? { epoch } : {}) }))
  }
}
