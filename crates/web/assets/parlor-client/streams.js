/** @typedef {import('./types.js').Stream} Stream */

const encoder = new TextEncoder()

/** The replies that are being made. `offset` of a piece counts the bytes of UTF-8 before it. */
export class Streams {
  /** @type {Map<string, { text: string, bytes: number, in_reply_to?: string }>} */
  #live = new Map()

  /** Notes that a reply begins. @param {any} typing data of a `typing` frame of the assistant's */
  begin(typing) {
    const known = this.#live.get(typing.message_id)
    this.#live.set(typing.message_id, { text: '', bytes: 0, ...known, in_reply_to: typing.in_reply_to })
  }

  /**
   * Takes a piece. Nothing where it is one that was there before, or one from behind a gap, which a resume brings again.
   *
   * @param {any} chunk
   * @returns {Stream | undefined}
   */
  take(chunk) {
    const { message_id, conversation_id, room_id, content, offset } = chunk
    const known = this.#live.get(message_id) ?? { text: '', bytes: 0 }
    const anew = offset === 0 && known.bytes > 0
    if (anew) Object.assign(known, { text: '', bytes: 0 })
    if (offset !== known.bytes) return undefined
    known.text += content
    known.bytes += encoder.encode(content).length
    this.#live.set(message_id, known)
    const { text, in_reply_to } = known
    return { message_id, conversation_id, room_id, in_reply_to, text, piece: content, anew }
  }

  /** What was shown of a reply counts no more. @param {string} id */
  restart(id) {
    const known = this.#live.get(id)
    if (known) Object.assign(known, { text: '', bytes: 0 })
  }

  /** The text of a reply that has ended, which is not known any more after this. @param {string} id */
  end(id) {
    const text = this.#live.get(id)?.text
    this.#live.delete(id)
    return text
  }

  /** @param {string} id */
  has(id) {
    return this.#live.has(id)
  }
}
