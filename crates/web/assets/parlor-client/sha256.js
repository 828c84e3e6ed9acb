/** Up to this many bytes a file is hashed at once by the browser, which does it fast and wants all of them in memory. */
const AT_ONCE = 64 * 1024 * 1024
/** What is read at a time of a larger one. */
const PIECE = 1024 * 1024

/**
 * The SHA-256 of a file in 64 hexadecimal digits. WebCrypto takes no bytes one after the other, and pages that came without
 * TLS from another machine have none: there, and for large files, it is worked out here.
 *
 * @param {Blob} file
 * @returns {Promise<string>} error: the browser's own, where the file cannot be read any more
 */
export async function checksumOf(file) {
  if (file.size <= AT_ONCE && globalThis.crypto?.subtle) {
    return digits(new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer())))
  }
  const hash = new Sha256()
  for (let at = 0; at < file.size; at += PIECE) {
    hash.update(new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer()))
  }
  return digits(hash.digest())
}

/** @param {Uint8Array} bytes */
function digits(bytes) {
  return [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join('')
}

/** The first `count` primes. @param {number} count */
function primes(count) {
  /** @type {number[]} */
  const found = []
  for (let number = 2; found.length < count; number++) if (found.every(prime => number % prime)) found.push(number)
  return found
}

/** The first 32 bits behind the point. @param {number} number */
const fraction = number => ((number - Math.floor(number)) * 2 ** 32) | 0

const K = Int32Array.from(primes(64), prime => fraction(Math.cbrt(prime)))
const FIRST = Int32Array.from(primes(8), prime => fraction(Math.sqrt(prime)))

/** SHA-256 of bytes that come one after the other (FIPS 180-4 §6.2). */
export class Sha256 {
  #state = FIRST.slice()
  #block = new Uint8Array(64)
  #words = new Int32Array(64)
  #length = 0

  /** @param {Uint8Array} bytes */
  update(bytes) {
    let at = 0
    while (at < bytes.length) {
      const filled = this.#length % 64
      const piece = bytes.subarray(at, at + 64 - filled)
      this.#block.set(piece, filled)
      this.#length += piece.length
      at += piece.length
      if (this.#length % 64 === 0) this.#mix()
    }
  }

  /** The hash, after which nothing more is taken. */
  digest() {
    const bits = this.#length * 8
    // A bit, zeros, and 8 bytes of length, up to the end of a block.
    const end = new Uint8Array(72 - ((this.#length + 8) % 64))
    end[0] = 0x80
    const view = new DataView(end.buffer)
    view.setUint32(end.length - 8, Math.floor(bits / 2 ** 32))
    view.setUint32(end.length - 4, bits >>> 0)
    this.update(end)
    const hash = new DataView(new ArrayBuffer(32))
    this.#state.forEach((word, at) => hash.setInt32(at * 4, word))
    return new Uint8Array(hash.buffer)
  }

  #mix() {
    const words = this.#words
    const view = new DataView(this.#block.buffer)
    for (let at = 0; at < 16; at++) words[at] = view.getInt32(at * 4)
    for (let at = 16; at < 64; at++) {
      const x = words[at - 15]
      const y = words[at - 2]
      const s0 = turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)
      const s1 = turn(y, 17) ^ turn(y, 19) ^ (y >>> 10)
      words[at] = words[at - 16] + s0 + words[at - 7] + s1
    }
    let [a, b, c, d, e, f, g, h] = this.#state
    for (let at = 0; at < 64; at++) {
      const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K[at] + words[at]) | 0
      const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0
      h = g
      g = f
      f = e
      e = (d + one) | 0
      d = c
      c = b
      b = a
      a = (one + two) | 0
    }
    const mixed = [a, b, c, d, e, f, g, h]
    mixed.forEach((word, at) => (this.#state[at] += word))
  }
}

/** @param {number} word @param {number} by */
const turn = (word, by) => (word >>> by) | (word << (32 - by))
