import { uuid } from './ids.js'
import { Problem } from './problem.js'

/**
 * @typedef {object} Tokens
 * @property {string} access_token
 * @property {string} refresh_token
 * @property {number} expires_at milliseconds of the epoch
 * @property {{ id: string, email: string, username: string, role: string }} user
 */

const KEY = 'parlor-session'
/** How long before its end an access token is exchanged. */
const EARLY = 60_000
/** Whose turn it is, where there are no Web Locks, and for how long at most, in milliseconds. */
const TURN = 'parlor-turn'
const LONGEST = 10_000

/**
 * A sign-in: its tokens, kept in a storage, and the HTTP routes that they open.
 *
 * A refresh token is good once, and one that comes twice ends the sign-in: so the tabs that share the storage take turns
 * (Web Locks, or where a page has none a note in the storage), and whoever comes second finds the tokens that the first one got.
 */
export class Session {
  /** @type {Tokens | null} */
  #tokens = null
  #base
  #storage
  /** @type {Promise<string> | undefined} */
  #refreshing

  /** @param {{ base?: string, storage?: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | null }} [options] the server, this page's unless given */
  constructor({ base = '', storage = globalThis.localStorage ?? null } = {}) {
    this.#base = base
    this.#storage = storage
    this.#load()
  }

  #load() {
    const text = this.#storage?.getItem(KEY)
    if (text) this.#tokens = JSON.parse(text)
    else if (this.#storage) this.#tokens = null
  }

  get user() {
    return this.#tokens?.user ?? null
  }

  /** @param {string} email @param {string} password @param {string} [username] */
  signUp(email, password, username) {
    return this.#post('/auth/signup', { email, password, username: username || undefined })
  }

  /** @param {string} email @param {string} code */
  async verifyEmail(email, code) {
    return this.#keep(await this.#post('/auth/verify-email', { email, code }))
  }

  /** @param {string} email @param {string} password */
  signIn(email, password) {
    return this.#post('/auth/signin', { email, password })
  }

  /** @param {string} email @param {string} code */
  async verifySignIn(email, code) {
    return this.#keep(await this.#post('/auth/verify-signin', { email, code }))
  }

  /** Tries the server without an account, where it says that it lets people. */
  async guest() {
    return this.#keep(await this.#post('/auth/guest', undefined))
  }

  /** Ends the sign-in, here and on the server. */
  async signOut() {
    const refresh_token = this.#tokens?.refresh_token
    try {
      await this.fetch('/auth/signout', { method: 'POST', body: JSON.stringify({ refresh_token }) })
    } catch (error) {
      if (!(error instanceof Problem)) throw error
    } finally {
      this.forget()
    }
  }

  /** Forgets the tokens, here alone. */
  forget() {
    this.#tokens = null
    this.#storage?.removeItem(KEY)
  }

  /**
   * A good access token.
   *
   * @param {boolean} [again] the last one was refused
   * @returns {Promise<string>} error: a `Problem` with `UNAUTHENTICATED` or `INVALID_TOKEN` where there is no sign-in any more
   */
  async token(again = false) {
    const tokens = this.#tokens
    if (!tokens) throw new Problem('UNAUTHENTICATED', 'nobody is signed in')
    if (!again && tokens.expires_at - Date.now() > EARLY) return tokens.access_token
    this.#refreshing ??= this.#exchange(tokens).finally(() => (this.#refreshing = undefined))
    return this.#refreshing
  }

  /** @param {Tokens} old */
  #exchange(old) {
    const work = async () => {
      this.#load()
      const tokens = this.#tokens
      if (!tokens) throw new Problem('UNAUTHENTICATED', 'nobody is signed in')
      // Another tab was here first.
      if (tokens.refresh_token !== old.refresh_token) return tokens.access_token
      try {
        return this.#keep(await this.#post('/auth/refresh', { refresh_token: tokens.refresh_token })).access_token
      } catch (error) {
        if (!(error instanceof Problem) || error.status !== 401) throw error
        // A turn may have been missed.
        this.#load()
        const now = this.#tokens
        if (now && now.refresh_token !== tokens.refresh_token) return now.access_token
        this.forget()
        throw error
      }
    }
    const locks = globalThis.navigator?.locks
    return locks ? locks.request(KEY, work) : this.#inTurn(work)
  }

  /** @template T @param {() => Promise<T>} work */
  async #inTurn(work) {
    const mine = uuid()
    while (this.#storage) {
      const [until, whose] = (this.#storage.getItem(TURN) ?? '').split(' ')
      if (whose === mine) break
      if (Number(until) < Date.now()) this.#storage.setItem(TURN, `${Date.now() + LONGEST} ${mine}`)
      // Another tab may do the same at this moment: the last one has the turn.
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    return work().finally(() => this.#storage?.removeItem(TURN))
  }

  /** @param {any} answer @returns {Tokens} */
  #keep({ access_token, refresh_token, expires_in, user }) {
    const tokens = { access_token, refresh_token, expires_at: Date.now() + expires_in * 1_000, user }
    this.#tokens = tokens
    this.#storage?.setItem(KEY, JSON.stringify(tokens))
    return tokens
  }

  /** Notes what the user is called now. @param {Partial<Tokens['user']>} change */
  rename(change) {
    if (!this.#tokens) return
    this.#tokens = { ...this.#tokens, user: { ...this.#tokens.user, ...change } }
    this.#storage?.setItem(KEY, JSON.stringify(this.#tokens))
  }

  /**
   * Asks a route as this user. The answer is good: a refusal is a `Problem`.
   *
   * @param {string} path
   * @param {RequestInit} [request]
   */
  async fetch(path, request = {}) {
    const ask = async (/** @type {boolean} */ again) => {
      const authorization = `Bearer ${await this.token(again)}`
      return reach(this.#base + path, { ...request, headers: { ...request.headers, authorization } })
    }
    let response = await ask(false)
    if (response.status === 401) response = await ask(true)
    return good(response)
  }

  /** The same, and what the answer says. @param {string} path @param {RequestInit} [request] */
  async json(path, request) {
    const response = await this.fetch(path, request)
    return response.status === 204 ? null : response.json()
  }

  /** @param {string} path @param {any} body */
  async #post(path, body) {
    const response = await reach(this.#base + path, { method: 'POST', body: JSON.stringify(body) })
    return (await good(response)).json()
  }
}

/** @param {string} url @param {RequestInit} request */
async function reach(url, request) {
  try {
    return await fetch(url, { cache: 'no-store', ...request })
  } catch {
    throw new Problem('UNREACHABLE', 'the server cannot be reached')
  }
}

/** @param {Response} response */
async function good(response) {
  if (response.ok) return response
  const body = await response.json().catch(() => ({}))
  const retryAfter = Number(response.headers.get('retry-after')) || undefined
  throw new Problem(body.code ?? 'INTERNAL', body.detail ?? body.title ?? response.statusText, { status: response.status, retryAfter })
}
