/** A refusal of the server's, over HTTP or a socket: its `code` says what to do. */
export class Problem extends Error {
  /**
   * @param {string} code one of the server's error codes, or `UNREACHABLE` where nothing was answered
   * @param {string} words for people
   * @param {{ status?: number, retryAfter?: number }} [more] the HTTP status; seconds after which the same may succeed
   */
  constructor(code, words, { status, retryAfter } = {}) {
    super(words)
    this.name = 'Problem'
    this.code = code
    this.status = status
    this.retryAfter = retryAfter
  }
}
