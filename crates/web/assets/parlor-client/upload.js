import { Emitter } from './emitter.js'
import { Problem } from './problem.js'
import { checksumOf } from './sha256.js'

/**
 * @typedef {'waiting' | 'uploading' | 'paused' | 'checking' | 'pending' | 'done' | 'failed' | 'cancelled'} UploadState
 *   `waiting` is for the connection, `checking` says that all of it is there and the server looks at it, `pending` that its
 *   virus scanner does not answer yet
 *
 * @typedef {object} UploadEvents
 * @property {{ sent: number, size: number }} progress bytes that the server has
 * @property {{ state: UploadState, problem?: Problem }} state
 */

/** How many chunks are on their way without an answer. */
const WINDOW = 3
/** How often in a row it is tried again without a chunk that arrived, where the server refuses for a while. */
const TRIES = 6
/** What a refusal says that may be lifted by itself. */
const PASSING = new Set(['RATE_LIMIT', 'INTERNAL', 'TOO_MANY_CONNECTIONS'])
/** What is said of chunks; their refusals name none, so that the upload asks how it stands. */
const OF_CHUNKS = new Set(['UPLOAD_NOT_FOUND', 'UPLOAD_INVALID', 'CHUNK_TOO_LARGE', 'RATE_LIMIT', 'INTERNAL'])

/**
 * A file on its way to the server, in chunks over the client's connection. After a loss it asks what is missing, and sends
 * that alone. It goes on by itself until it is done, refused or cancelled.
 *
 * @extends {Emitter<UploadEvents>}
 */
export class Upload extends Emitter {
  /** @type {string | undefined} the file's id, as soon as the server gave it one */
  id
  /** How many of its bytes the server has. */
  sent = 0
  /** @type {UploadState} */
  state = 'waiting'
  /** @type {Problem | undefined} why it failed */
  problem
  /** @type {Promise<string>} the file's id once it can be read; error: the `Problem` for which it failed or `CANCELLED` */
  done
  #client
  #file
  #place
  /** @type {(id: string) => void} */
  #resolve = () => {}
  /** @type {(problem: Problem) => void} */
  #reject = () => {}
  /** Which beginning this is: what an earlier one waits for counts no more. */
  #turn = 0
  #chunkSize = 0
  /** @type {number[]} chunks that are to be sent */
  #missing = []
  /** @type {Set<number>} chunks that were sent and not answered */
  #flying = new Set()
  #tries = 0
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer
  /** @type {Promise<string> | undefined} */
  #checksum
  /** @type {(() => void)[]} */
  #ears

  /**
   * @param {import('./client.js').ParlorClient} client
   * @param {File} file
   * @param {import('./types.js').Place | null} place whose members may read it; none: its owner, until a message carries it
   */
  constructor(client, file, place) {
    super()
    this.#client = client
    this.#file = file
    this.#place = place
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // Who does not ask is not told of an uncaught error.
    this.done.catch(() => {})
    this.#ears = [
      client.on('ready', () => this.#begin()),
      client.on('state', ({ state }) => state !== 'online' && this.#halt()),
      client.on('frame', ({ type, data }) => type === 'file_upload' && this.#told(data)),
      client.on('problem', ({ problem }) => this.#flying.size && OF_CHUNKS.has(problem.code) && this.#again(problem)),
    ]
    this.#begin()
  }

  get size() {
    return this.#file.size
  }

  get name() {
    return this.#file.name
  }

  /** Whether nothing more comes of it. */
  get over() {
    return this.state === 'done' || this.state === 'failed' || this.state === 'cancelled'
  }

  /** Sends no more, until `resume`. What is on its way arrives. Nothing happens where all of it is there. */
  pause() {
    if (this.state !== 'uploading' && this.state !== 'waiting') return
    this.#stop()
    this.#become('paused')
  }

  resume() {
    if (this.state !== 'paused') return
    this.#become('waiting')
    this.#begin()
  }

  /** Sends no more. What the server has of it can be deleted over HTTP, by its `id`, and goes by itself in a while. */
  cancel() {
    if (!this.over) this.#end('cancelled', new Problem('CANCELLED', 'the upload was cancelled'))
  }

  /** Finds out where it stands, and goes on from there. */
  async #begin() {
    if (this.over || this.state === 'paused' || this.#client.state !== 'online') return
    const turn = this.#stop()
    try {
      await this.#ask()
      if (turn !== this.#turn) return
      if (this.#missing.length) this.#become('uploading')
      this.#fill()
    } catch (error) {
      if (turn === this.#turn) this.#again(problemOf(error))
    }
  }

  async #ask() {
    const turn = this.#turn
    const { name, size, type } = this.#file
    const init = { upload_type: 'init', file_name: name, file_size: size, mime_type: type || undefined, ...this.#place }
    const answer = await this.#client.request('file_upload', this.id ? { upload_type: 'status', file_id: this.id } : init)
    this.id ??= answer.file_id
    if (turn !== this.#turn) return
    this.#chunkSize = answer.chunk_size
    this.#missing = answer.missing ?? Array.from({ length: answer.total_chunks }, (_, index) => index)
    this.#count()
  }

  /** Sends as many chunks as may be on their way; after the last answer, the end. */
  #fill() {
    while (this.#flying.size < WINDOW && this.#missing.length) {
      const index = /** @type {number} */ (this.#missing.shift())
      this.#flying.add(index)
      this.#send(index)
    }
    if (!this.#flying.size) this.#finish()
  }

  /** @param {number} index */
  async #send(index) {
    const turn = this.#turn
    try {
      const from = index * this.#chunkSize
      const bytes = await this.#file.slice(from, from + this.#chunkSize).arrayBuffer()
      // Where the connection is gone meanwhile, the next one asks what is missing.
      if (turn === this.#turn && this.id) this.#client.tellBytes(frameOf(this.id, index, bytes))
    } catch (error) {
      if (turn === this.#turn) this.#again(problemOf(error))
    }
  }

  async #finish() {
    const turn = this.#turn
    try {
      if (this.state !== 'pending') this.#become('checking')
      this.#checksum ??= checksumOf(this.#file)
      const checksum = await this.#checksum
      if (turn !== this.#turn) return
      await this.#client.request('file_upload', { upload_type: 'finalize', file_id: this.id, checksum })
      if (turn === this.#turn) this.#end('done')
    } catch (error) {
      if (turn === this.#turn) this.#again(problemOf(error))
    }
  }

  /** @param {any} data of `file_upload` */
  #told(data) {
    if (data.upload_type === 'available' && data.file.file_id === this.id) return this.#end('done')
    if (data.upload_type !== 'chunk' || data.file_id !== this.id || !this.#flying.delete(data.chunk_index)) return
    this.#tries = 0
    this.#count()
    this.#fill()
  }

  #count() {
    const left = [...this.#missing, ...this.#flying].reduce((sum, index) => sum + Math.min(this.#chunkSize, this.size - index * this.#chunkSize), 0)
    this.sent = this.size - left
    this.emit('progress', { sent: this.sent, size: this.size })
  }

  /** After a refusal: once more in a while where that may help, else the end. @param {Problem} problem */
  #again(problem) {
    // It goes on with the next connection.
    if (this.over || problem.code === 'UNREACHABLE') return
    if (problem.code === 'FILE_UNREADABLE') return this.#end('failed', problem)
    const { code, retryAfter } = problem
    const scanner = code === 'SCANNER_UNAVAILABLE'
    const unclear = this.#flying.size > 0 || (code === 'UPLOAD_INVALID' && this.state === 'checking')
    this.#tries += 1
    if (!scanner && !((PASSING.has(code) || unclear) && this.#tries < TRIES)) return this.#end('failed', problem)
    this.#stop()
    if (scanner) this.#become('pending')
    this.#timer = setTimeout(() => this.#begin(), (retryAfter ?? 2 ** this.#tries / 4) * 1_000)
  }

  /** The connection is gone. */
  #halt() {
    if (this.over || this.state === 'paused') return
    this.#stop()
    if (this.state !== 'pending') this.#become('waiting')
  }

  /** What is under way counts no more. Gives the number of what comes now. */
  #stop() {
    clearTimeout(this.#timer)
    this.#missing = []
    this.#flying.clear()
    return (this.#turn += 1)
  }

  /** @param {'done' | 'failed' | 'cancelled'} state @param {Problem} [problem] */
  #end(state, problem) {
    if (this.over) return
    this.#stop()
    for (const stop of this.#ears) stop()
    this.problem = problem
    this.#become(state)
    if (problem || !this.id) this.#reject(problem ?? new Problem('INTERNAL', 'the file has no id'))
    else this.#resolve(this.id)
  }

  /** @param {UploadState} state */
  #become(state) {
    if (state === this.state) return
    this.state = state
    this.emit('state', { state, problem: this.problem })
  }
}

/**
 * A chunk as a binary frame: the file's id, the chunk's index, its bytes.
 *
 * @param {string} id
 * @param {number} index
 * @param {ArrayBuffer} bytes
 */
function frameOf(id, index, bytes) {
  const frame = new Uint8Array(20 + bytes.byteLength)
  frame.set(id.replaceAll('-', '').match(/../g)?.map(digits => parseInt(digits, 16)) ?? [])
  new DataView(frame.buffer).setUint32(16, index)
  frame.set(new Uint8Array(bytes), 20)
  return frame
}

/** What went wrong; where it is no refusal, the file was changed or taken away. @param {unknown} error */
function problemOf(error) {
  return error instanceof Problem ? error : new Problem('FILE_UNREADABLE', String(error))
}
