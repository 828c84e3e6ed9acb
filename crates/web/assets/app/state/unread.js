// How many messages of each place were not read. The server says what came while no page was there; what came while one was
// and was not looked at is kept here, so that it outlives the page.

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
    place.unread = this.#counts[place.id] ?? 0
    return place
  }

  /** @param {import('./place.js').Place} place @param {number} count */
  set(place, count) {
    place.unread = count
    if (count) this.#counts[place.id] = count
    else delete this.#counts[place.id]
    localStorage.setItem(this.#key, JSON.stringify(this.#counts))
  }
}
