// How many messages of each place were not read. The server says what came while no page was there; what came while one was
// and was not looked at is kept here, so that it outlives the page, with how far it was counted: the server may say it again.

export class Unread {
  #key
  #counts

  /** @param {string} user */
  constructor(user) {
    this.#key = `parlor-unread:${user}`
    this.#counts = JSON.parse(localStorage.getItem(this.#key) ?? '{}')
  }

  /** A place with what was not read of it. @param {import('./place.js').Place} place */
  onto(place) {
    // A number alone is of an earlier page.
    const [unread, counted = 0] = [this.#counts[place.id] ?? 0].flat()
    return Object.assign(place, { unread, counted })
  }

  /** Counts more messages, the last of which is at `seq`, where they were not. @param {import('./place.js').Place} place */
  add(place, seq, count = 1) {
    if (seq > Math.max(place.counted, place.readSeq)) this.set(place, place.unread + count, seq)
  }

  /** @param {import('./place.js').Place} place @param {number} count @param {number} seq of the last message that is counted, or read */
  set(place, count, seq) {
    Object.assign(place, { unread: count, counted: Math.max(seq, place.counted) })
    if (place.id) this.#counts[place.id] = [count, place.counted]
    localStorage.setItem(this.#key, JSON.stringify(this.#counts))
  }
}
