import { Backoff } from './backoff.js'
import { Problem } from './problem.js'

/**
 * @typedef {import('./types.js').ConnectionState} ConnectionState
 *
 * @typedef {object} Owner what the link is for
 * @property {() => string} address where the next connection goes
 * @property {(again: boolean) => Promise<string>} token
 * @property {(text: string) => void} read what has come
 * @property {() => void} lost the connection is no more, and what was asked over it is not answered
 * @property {(state: ConnectionState, retryAt?: number) => void} turned
 * @property {(problem: Problem) => void} signedOut there is no credential any more
 */

/** How long a connection may be silent before it is asked whether it is there, and how long it may take to say so. */
const SILENCE = 45_000
const ANSWER = 10_000
/** How long a connection must have lasted for the next one to be tried at once. */
const STABLE = 5_000
/** What the server says of a credential that is of no use any more. */
const CREDENTIAL = new Set(['UNAUTHENTICATED', 'INVALID_TOKEN', 'TOKEN_EXPIRED'])

/**
 * A WebSocket that is opened again, with a token that is good, whenever it is lost. It is open once its owner says that the
 * server has welcomed it.
 */
export class Link {
  /** @type {ConnectionState} */
  state = 'closed'
  isOpen = false
  /** @type {WebSocket | undefined} */
  #socket
  #owner
  #backoff
  #WebSocket
  #wanted = false
  #openedAt = 0
  #heardAt = 0
  /** Whether the last token was refused. */
  #rejected = false
  /** Counts the sockets, so that a token that comes late opens none. */
  #turn = 0
  /** @type {Set<ReturnType<typeof setTimeout>>} */
  #timers = new Set()
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #watch

  /** @param {Owner} owner @param {{ backoff?: Backoff, WebSocket?: typeof WebSocket }} [options] */
  constructor(owner, options = {}) {
    this.#owner = owner
    this.#backoff = options.backoff ?? new Backoff()
    this.#WebSocket = options.WebSocket ?? WebSocket
  }

  /** Connects, and stays connected until `close`. */
  connect() {
    if (this.#wanted) return
    this.#wanted = true
    this.#watch = setInterval(() => this.#look(), ANSWER / 2)
    // Not every platform knows whether there is a network.
    globalThis.addEventListener?.('online', this.#onOnline)
    globalThis.addEventListener?.('offline', this.#onOffline)
    this.reopen()
  }

  close() {
    this.#wanted = false
    clearInterval(this.#watch)
    globalThis.removeEventListener?.('online', this.#onOnline)
    globalThis.removeEventListener?.('offline', this.#onOffline)
    this.#drop()
    this.#turned('closed')
  }

  /** Looks at once whether there is life in the connection. */
  wake() {
    if (this.#wanted && !this.isOpen) this.reopen()
    else if (this.isOpen) this.#heardAt = Math.min(this.#heardAt, Date.now() - SILENCE)
    this.#look()
  }

  /** Another connection instead of the one that there is. */
  async reopen() {
    this.#drop()
    if (!this.#wanted) return
    if (globalThis.navigator?.onLine === false) return this.#turned('offline')
    const turn = this.#turn
    this.#turned('connecting')
    let token
    try {
      token = await this.#owner.token(this.#rejected)
    } catch (error) {
      if (turn !== this.#turn) return
      if (error instanceof Problem && CREDENTIAL.has(error.code)) return this.#signOut(error)
      return this.#later()
    }
    if (turn === this.#turn) this.#open(token)
  }

  /** The server has welcomed the connection. False where it has done so before. */
  welcomed() {
    if (this.isOpen) return false
    this.isOpen = true
    this.#openedAt = Date.now()
    return true
  }

  /** The server has refused something; where that was the token, the next connection has another one. @param {string} code */
  refused(code) {
    if (CREDENTIAL.has(code)) this.#rejected = true
  }

  /** All that had to be said at first is said. */
  ready() {
    this.#turned('online')
  }

  /** False where there is no connection. @param {import('./types.js').Frame} frame */
  write(frame) {
    return this.#send(JSON.stringify(frame))
  }

  /** False where there is no connection. @param {Uint8Array<ArrayBuffer>} bytes */
  writeBytes(bytes) {
    return this.#send(bytes)
  }

  /** Does something later, unless this connection is lost before. @param {number} delay milliseconds @param {() => void} work */
  after(delay, work) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      work()
    }, delay)
    this.#timers.add(timer)
  }

  /** @param {string} token */
  #open(token) {
    const socket = new this.#WebSocket(this.#owner.address())
    this.#socket = socket
    this.#rejected = false
    this.#heardAt = Date.now()
    // In the first frame, and not in the URL, which ends up in logs.
    socket.onopen = () => socket.send(JSON.stringify({ type: 'auth', data: { token } }))
    socket.onclose = event => socket === this.#socket && this.#closed(event.code)
    socket.onmessage = event => {
      if (socket !== this.#socket) return
      this.#heardAt = Date.now()
      this.#owner.read(event.data)
    }
  }

  /** @param {string | Uint8Array<ArrayBuffer>} data */
  #send(data) {
    if (this.#socket?.readyState !== 1) return false
    this.#socket.send(data)
    return true
  }

  /** @param {number} code */
  #closed(code) {
    const stable = this.isOpen && Date.now() - this.#openedAt > STABLE
    this.#rejected ||= code === 4001
    this.#drop()
    if (stable) this.#backoff.reset()
    this.#later()
  }

  /** Tries again later. */
  #later() {
    if (!this.#wanted) return
    const delay = this.#backoff.next()
    this.#turned('offline', Date.now() + delay)
    this.after(delay, () => !this.isOpen && this.reopen())
  }

  /** Lets go of the socket, whatever its state, and of all that waits for it. */
  #drop() {
    const socket = this.#socket
    this.#socket = undefined
    this.isOpen = false
    this.#turn += 1
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    if (socket && socket.readyState < 2) socket.close(1000)
    this.#owner.lost()
  }

  /** @param {Problem} problem */
  #signOut(problem) {
    this.close()
    this.#owner.signedOut(problem)
  }

  /** Whether there is life in the connection. */
  #look() {
    if (!this.#socket) return
    const silence = Date.now() - this.#heardAt
    if (silence > (this.isOpen ? SILENCE + ANSWER : ANSWER)) this.#closed(1006)
    else if (this.isOpen && silence > SILENCE) this.write({ type: 'ping' })
  }

  #onOnline = () => void (this.isOpen || this.reopen())

  #onOffline = () => {
    this.#drop()
    this.#turned('offline')
  }

  /** @param {ConnectionState} state @param {number} [retryAt] */
  #turned(state, retryAt) {
    this.state = state
    this.#owner.turned(state, retryAt)
  }
}
