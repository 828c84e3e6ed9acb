/**
 * How long to wait before the next try: full jitter, so that clients which were cut off together do not come back
 * together (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
export class Backoff {
  /** @param {{ base?: number, cap?: number, random?: () => number }} [options] times in milliseconds: 500, 30 s */
  constructor({ base = 500, cap = 30_000, random = Math.random } = {}) {
    this.base = base
    this.cap = cap
    this.random = random
    this.tries = 0
  }

  /** A time up to the cap, in milliseconds. Each try may wait twice as long as the one before. */
  next() {
    const most = Math.min(this.cap, this.base * 2 ** this.tries)
    this.tries += 1
    return this.random() * most
  }

  reset() {
    this.tries = 0
  }
}
