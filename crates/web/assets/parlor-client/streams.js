/**
 * @typedef {import('./types.js').Stream} Stream
 * @typedef {import('./types.js').Thoughts} Thoughts
 */

const encoder = new TextEncoder()

/** The replies that are being made. `offset` of a piece counts the bytes of UTF-8 before it. */
export class Streams {
  /** @type {Map<string, { text: string, bytes: number, in_reply_to?: string }>} */
  #live = new Map()
  /** @type {Map<string, { thoughts: Thoughts, bytes: number }>} what goes with them, by reply */
  #aside = new Map()

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

  /**
   * Takes a piece of what the model thinks aloud. Unlike a reply's it does not come again after a loss: what was missed of
   * it is missing.
   *
   * @param {any} piece data of `reasoning`
   * @returns {Thoughts}
   */
  think({ message_id, conversation_id, content, offset }) {
    const aside = this.#asideOf(message_id, conversation_id)
    if (offset === 0) aside.thoughts.reasoning = ''
    if (offset === 0 || offset >= aside.bytes) {
      aside.thoughts.reasoning += content
      aside.bytes = offset + encoder.encode(content).length
    }
    return aside.thoughts
  }

  /**
   * Takes a piece of a call of a tool. Those of one call have the same `index`.
   *
   * @param {any} piece data of `tool_call`
   * @returns {Thoughts}
   */
  call({ message_id, conversation_id, index, id, name, arguments: words = '' }) {
    const { thoughts } = this.#asideOf(message_id, conversation_id)
    const known = (thoughts.calls[index] ??= { id, name: name ?? '', arguments: '' })
    if (id && known.id && id !== known.id) thoughts.calls[index] = { id, name: name ?? '', arguments: words }
    else Object.assign(known, { id: known.id ?? id, name: known.name || name || '', arguments: known.arguments + words })
    return thoughts
  }

  /** @param {string} message_id @param {string} conversation_id */
  #asideOf(message_id, conversation_id) {
    const known = this.#aside.get(message_id) ?? { thoughts: { message_id, conversation_id, reasoning: '', calls: [] }, bytes: 0 }
    this.#aside.set(message_id, known)
    return known
  }

  /** What was shown of a reply counts no more. @param {string} id */
  restart(id) {
    const known = this.#live.get(id)
    if (known) Object.assign(known, { text: '', bytes: 0 })
    const aside = this.#aside.get(id)
    if (aside) Object.assign(aside.thoughts, { reasoning: '', calls: [] })
  }

  /** The text of a reply that has ended, which is not known any more after this. @param {string} id */
  end(id) {
    const text = this.#live.get(id)?.text
    this.#live.delete(id)
    this.#aside.delete(id)
    return text
  }

  /** @param {string} id */
  has(id) {
    return this.#live.has(id)
  }
}
