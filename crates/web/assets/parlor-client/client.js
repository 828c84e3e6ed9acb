import { Emitter } from './emitter.js'
import { uuid } from './ids.js'
import { Link } from './link.js'
import { Outbox } from './outbox.js'
import { Positions } from './positions.js'
import { Problem } from './problem.js'
import { Streams } from './streams.js'

/**
 * @typedef {import('./types.js').ConnectionState} ConnectionState
 * @typedef {import('./types.js').Frame} Frame
 * @typedef {import('./types.js').Outgoing} Outgoing
 * @typedef {import('./types.js').Place} Place
 * @typedef {import('./types.js').SendOptions} SendOptions
 */

/** What a refusal says that may be lifted by itself. */
const PASSING = new Set(['RATE_LIMIT', 'CHAT_RATE_LIMIT_EXCEEDED', 'AI_UNAVAILABLE', 'TOO_MANY_CONNECTIONS', 'INTERNAL'])

/**
 * A connection in the `rooms` dialect that comes back by itself, misses nothing and says everything once.
 *
 * @extends {Emitter<import('./types.js').Events>}
 */
export class ParlorClient extends Emitter {
  #positions = new Positions()
  #streams = new Streams()
  /** @type {Map<string, { resolve: (data: any) => void, reject: (problem: Problem) => void }>} */
  #asked = new Map()
  #link
  #outbox
  #options

  /**
   * @param {object} options
   * @param {string} options.url such as `wss://chat.example.org/api/v1/ws/ws`
   * @param {(again: boolean) => Promise<string>} options.token gives an access token; another one where `again` is true,
   *   because the last was refused. Where it throws a `Problem` that says so, the client is signed out.
   * @param {string} [options.user] whose messages the storage keeps
   * @param {Storage | null} [options.storage] where messages wait that are not confirmed; none: in memory alone
   * @param {boolean} [options.replay] whether what was missed before the first connection comes by itself; true
   * @param {import('./backoff.js').Backoff} [options.backoff]
   * @param {typeof WebSocket} [options.WebSocket]
   */
  constructor(options) {
    super()
    this.#options = options
    this.#outbox = new Outbox(options.storage ?? null, options.user ?? '')
    const owner = {
      address: () => options.url + (this.#resumes ? '?resume=1' : ''),
      token: options.token,
      read: (/** @type {string} */ text) => this.#read(text),
      lost: () => this.#lost(),
      turned: (/** @type {ConnectionState} */ state, /** @type {number | undefined} */ retryAt) => this.emit('state', { state, retryAt }),
      signedOut: (/** @type {Problem} */ problem) => this.emit('signedOut', problem),
    }
    this.#link = new Link(owner, { backoff: options.backoff, WebSocket: options.WebSocket })
  }

  get state() {
    return this.#link.state
  }

  /** Messages that are not confirmed. */
  get outgoing() {
    return this.#outbox.all()
  }

  /** Connects, and stays connected until `close`. */
  connect() {
    this.#link.connect()
  }

  /** Ends the connection. What waits in the outbox waits on. */
  close() {
    this.#link.close()
  }

  /** Looks at once whether the connection is alive, say because the page is seen again. */
  wake() {
    this.#link.wake()
  }

  /**
   * Says something. It is kept until the server has it, over lost connections and reloads, and arrives once.
   *
   * @param {Outgoing['place']} place none makes a conversation
   * @param {string} text
   * @param {SendOptions} [options]
   * @param {any[]} [files] what is shown of its attachments, for pages that show any; it comes back with the message
   * @returns {Outgoing} what waits now; `sent` or `failed` comes of it
   */
  send(place, text, options = {}, files) {
    const outgoing = { id: uuid(), place, text, options, files, at: new Date().toISOString() }
    this.#outbox.add(outgoing)
    this.#flush()
    return outgoing
  }

  /** Takes back a message that was not sent yet. @param {string} id */
  discard(id) {
    this.#outbox.settle(id)
  }

  /**
   * Asks something, and gives the data of its answer.
   *
   * @param {string} type
   * @param {Record<string, any>} [data]
   * @returns {Promise<any>} error: a `Problem`, `UNREACHABLE` where there is no connection or it was lost meanwhile
   */
  request(type, data = {}) {
    const request_id = uuid()
    return new Promise((resolve, reject) => {
      if (!this.tell(type, { ...data, request_id })) return reject(unreachable())
      this.#asked.set(request_id, { resolve, reject })
    })
  }

  /**
   * Says something that is not answered. False where there is no connection.
   *
   * @param {string} type
   * @param {Record<string, any>} [data]
   */
  tell(type, data = {}) {
    return this.#link.isOpen && this.#link.write({ type, data })
  }

  /** Says something in bytes: a chunk of a file. False where there is no connection. @param {Uint8Array<ArrayBuffer>} bytes */
  tellBytes(bytes) {
    return this.#link.isOpen && this.#link.writeBytes(bytes)
  }

  /**
   * Begins to upload a file, which goes on over every loss of the connection. A message carries it by its id, which
   * `(await client.upload(file)).done` gives. What does it is loaded when it is first wanted.
   *
   * @param {File} file
   * @param {Place | null} [place] whose members may read it; none: its owner, and who reads a message that carries it
   */
  async upload(file, place = null) {
    const { Upload } = await import('./upload.js')
    return new Upload(this, file, place)
  }

  /**
   * Follows a conversation from `seq` on: what comes after it comes now, once and in order, over every loss of the
   * connection, and with it the pieces of replies, who types and who is there.
   *
   * @param {string} conversation
   * @param {Place} place
   * @param {number} seq
   */
  follow(conversation, place, seq) {
    this.#positions.follow(conversation, place, seq)
    if (this.#link.isOpen) this.#resume(this.#positions.lines().filter(line => samePlace(line, place)))
  }

  /** Follows no more. @param {string} conversation */
  forget(conversation) {
    this.#positions.forget(conversation)
  }

  /** How far a conversation that is followed was read. @param {string} conversation */
  seq(conversation) {
    return this.#positions.of(conversation)?.seq
  }

  /** Another token, before the old one is over, for the connection that is open. @param {string} token */
  renew(token) {
    if (this.#link.isOpen) this.#link.write({ type: 'auth', data: { token } })
  }

  // The connection.

  /** Whether a connection asks for what was missed, instead of getting it by itself. */
  get #resumes() {
    return this.#positions.lines().length > 0 || this.#options.replay === false
  }

  /** @param {any} data of `connect` */
  #opened(data) {
    if (!this.#link.welcomed()) return
    const lines = this.#positions.lines()
    if (lines.length) this.#resume(lines)
    else if (this.#options.replay === false) this.#link.write({ type: 'ping' })
    this.#link.ready()
    this.emit('ready', data)
    this.#flush()
  }

  /** What was asked is not answered any more; what was said and not confirmed is said again. */
  #lost() {
    for (const { reject } of this.#asked.values()) reject(unreachable())
    this.#asked.clear()
    this.#outbox.again()
  }

  /** @param {any[]} positions */
  #resume(positions) {
    for (let at = 0; at < positions.length; at += 1_000) {
      this.#link.write({ type: 'resume', data: { positions: positions.slice(at, at + 1_000) } })
    }
  }

  #flush() {
    if (!this.#link.isOpen) return
    for (const { id, place, text, options } of this.#outbox.take()) {
      this.#link.write({ type: 'chat', message_id: id, data: { ...options, ...place, message: text } })
    }
  }

  // What comes.

  /** @param {string} text */
  #read(text) {
    /** @type {Frame} */
    const { type, data = {}, message_id } = JSON.parse(text)
    const waiting = data.request_id && this.#asked.get(data.request_id)
    switch (type) {
      case 'connect':
        return this.#opened(data)
      case 'system':
        return this.#system(data)
      case 'pong':
        this.#compare(data.heads)
        break
      case 'chat':
        return data.streaming ? this.#piece(data) : this.#message(data)
      case 'message_updated':
        this.#entry(data.message.conversation_id, data.seq) && this.emit('updated', data.message)
        break
      case 'delivery_confirmation':
        return this.#receipt(data)
      case 'typing':
        if (data.user_id === 'assistant' && data.is_typing) this.#streams.begin(data)
        this.emit('typing', data)
        break
      case 'reasoning':
        this.emit('thoughts', this.#streams.think(data))
        break
      case 'tool_call':
        this.emit('thoughts', this.#streams.call(data))
        break
      case 'stream_restart':
        this.#streams.restart(data.message_id)
        this.emit('stream', { ...data, text: '', piece: '', anew: true })
        break
      case 'presence':
        this.emit('presence', data)
        break
      case 'resumed':
        this.#positions.resumed(data.conversation_id, data.last_seq, data.epoch)
        this.emit('resumed', data)
        break
      case 'error':
        return this.#refused(data, message_id)
      default:
        this.emit('frame', { type, data, message_id })
    }
    if (waiting) {
      this.#asked.delete(data.request_id)
      waiting.resolve(data)
    }
  }

  /** @param {any} data */
  #system(data) {
    if (data.heartbeat) this.#compare(data.heads)
    if (data.event === 'reconnect') this.#link.after(data.delay_ms ?? 0, () => this.#link.reopen())
    this.emit('frame', { type: 'system', data })
  }

  /** Asks for what was missed, where the server's heads say so. @param {Record<string, number>} [heads] */
  #compare(heads) {
    if (heads) this.#resume(this.#positions.lines(heads))
  }

  /**
   * Notes an entry of a log; asks for what is missing before it. False where it comes again with that.
   *
   * @param {string} conversation
   * @param {number} seq
   */
  #entry(conversation, seq) {
    if (this.#positions.saw(conversation, seq)) return true
    const position = this.#positions.of(conversation)
    if (position) this.#resume(this.#positions.lines().filter(line => samePlace(line, position.place)))
    return false
  }

  /** @param {any} chunk */
  #piece(chunk) {
    const stream = this.#streams.take(chunk)
    if (stream) this.emit('stream', stream)
  }

  /** @param {import('./types.js').Message} message */
  #message(message) {
    const streamed = this.#streams.end(message.message_id)
    // What was streamed to this connection is not said again at the end.
    const content = message.content || (message.role === 'assistant' && streamed) || ''
    this.#entry(message.conversation_id, message.seq)
    this.emit('message', { ...message, content })
  }

  /** @param {import('./types.js').Receipt} receipt */
  #receipt(receipt) {
    if (receipt.status === 'read') return this.emit('receipt', receipt)
    this.#entry(receipt.conversation_id, receipt.seq)
    const { room_id, conversation_id } = receipt
    const outgoing = this.#outbox.settle(receipt.message_id, room_id ? { room_id } : { conversation_id })
    this.emit('receipt', receipt)
    if (outgoing) this.emit('sent', { outgoing, confirmation: receipt })
    this.#flush()
  }

  /** @param {any} data @param {string} [message_id] */
  #refused(data, message_id) {
    const problem = new Problem(data.code, data.error, { retryAfter: data.retry_after })
    const waiting = data.request_id && this.#asked.get(data.request_id)
    this.#link.refused(data.code)
    if (waiting) {
      this.#asked.delete(data.request_id)
      return waiting.reject(problem)
    }
    const id = message_id ?? data.message_id
    const mine = this.#outbox.all().find(it => it.id === id)
    if (!mine) return this.emit('problem', { problem, message_id: id })
    if (PASSING.has(problem.code)) {
      if (!this.#outbox.refuse(mine.id)) return
      const seconds = problem.retryAfter ?? 1
      return this.#link.after(seconds * 1_000, () => (this.#outbox.again(mine.id), this.#flush()))
    }
    this.#fail(mine, problem)
  }

  /** A message fails, and with it those that waited for the conversation that it would have made. @param {Outgoing} outgoing @param {Problem} problem */
  #fail(outgoing, problem) {
    this.#outbox.settle(outgoing.id)
    this.emit('failed', { outgoing, problem })
    for (const other of this.#outbox.all()) {
      if (other.place && 'pending' in other.place && other.place.pending === outgoing.id) this.#fail(other, problem)
    }
  }
}

/** @param {any} line @param {any} place */
function samePlace(line, place) {
  return line.room_id === place.room_id && line.conversation_id === place.conversation_id
}

function unreachable() {
  return new Problem('UNREACHABLE', 'there is no connection')
}
