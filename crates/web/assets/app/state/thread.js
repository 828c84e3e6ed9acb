// The messages of one conversation: what is there, what is being made, and what waits to be sent.

/** How many of them the first page of history has, which is waited for, and how many each page before it. */
const FIRST_PAGE = 60
const PAGE = 200

export class Thread {
  /** @type {Map<string, any>} by id */
  messages = new Map()
  /** @type {Map<string, any>} replies that are being made */
  streams = new Map()
  /** @type {Map<string, import('../../parlor-client/types.js').Thoughts>} by reply: of those that were made while the page was there */
  thoughts = new Map()
  /** @type {any[]} messages of ours that are not confirmed, or were refused */
  outgoing = []
  /** @type {Map<string, string>} the reply that is shown of those to a message, where the reader has chosen */
  chosen = new Map()
  /** @type {Map<string, number>} how far each other member has read */
  readBy = new Map()
  deliveredTo = 0
  /** The seqs of the first and the last message that are here. */
  oldest = Infinity
  newest = 0
  hasMore = true
  loading = false
  loaded = false
  #items = null

  /** @param {any} message */
  #keep(message) {
    this.messages.set(message.message_id, message)
    this.oldest = Math.min(this.oldest, message.seq)
    this.newest = Math.max(this.newest, message.seq)
  }

  /** There is nothing before what is said now. */
  isNew() {
    Object.assign(this, { hasMore: false, loaded: true })
  }

  /** What is here counts no more: it is loaded again. */
  clear() {
    Object.assign(this, { hasMore: true, loaded: false, oldest: Infinity, newest: 0 })
    this.messages.clear()
    this.streams.clear()
    this.stale()
  }

  /** @param {any} message */
  put(message) {
    const known = this.messages.get(message.message_id)
    this.#keep(known ? { ...known, ...message } : message)
    const streamed = this.streams.delete(message.message_id)
    // A new reply is the one to look at; the reader may have looked at another while it came.
    if (message.role === 'assistant' && !known && !streamed) this.chosen.delete(message.in_reply_to)
    this.pass(message)
  }

  /** A message that is not kept: nothing waits for it any more. @param {any} message */
  pass({ message_id, client_message_id }) {
    this.streams.delete(message_id)
    this.outgoing = this.outgoing.filter(it => it.id !== client_message_id)
    this.stale()
  }

  /** A message as it is now. One that is not loaded comes with its page of history. @param {any} message */
  update(message) {
    if (this.messages.has(message.message_id)) {
      // The new form has all of it: what is not in it was taken away.
      this.messages.set(message.message_id, message)
      this.stale()
    }
  }

  /** @param {any} stream */
  stream(stream) {
    if (this.messages.has(stream.message_id)) return
    const known = this.streams.get(stream.message_id)
    this.streams.set(stream.message_id, { ...known, ...stream, in_reply_to: stream.in_reply_to ?? known?.in_reply_to })
    if (!known) {
      this.chosen.delete(stream.in_reply_to)
      this.stale()
    }
  }

  /** Loads a page of what was before. @param {import('../../parlor-client/client.js').ParlorClient} client @param {any} place */
  async loadOlder(client, place) {
    if (this.loading || !this.hasMore) return
    this.loading = true
    try {
      const first = this.oldest
      const before = first === Infinity ? {} : { before_seq: first }
      const page = await client.request('history', { ...place, ...before, limit: first === Infinity ? FIRST_PAGE : PAGE })
      for (const message of page.messages) this.#keep(message)
      this.hasMore = page.has_more && page.messages.length > 0
      this.loaded = true
      this.stale()
    } finally {
      this.loading = false
    }
  }

  stale() {
    this.#items = null
  }

  /** The last reply under way. */
  get live() {
    return [...this.streams.values()].at(-1)
  }

  /** The replies to a message, in order. @param {string} question */
  repliesTo(question) {
    return this.items.find(it => it.value.in_reply_to === question)?.replies ?? []
  }

  /**
   * What is shown, in order: messages, with one of the replies to each at the place of the first one, then those that are
   * being made, then ours that wait.
   *
   * @returns {{ key: string, kind: 'message' | 'stream' | 'outgoing', value: any, replies?: string[], at: string }[]}
   */
  get items() {
    this.#items ??= this.#order()
    return this.#items
  }

  #order() {
    const ordered = [...this.messages.values()].sort((a, b) => a.seq - b.seq)
    const replies = new Map()
    const add = it => {
      if (!it.in_reply_to) return
      const known = replies.get(it.in_reply_to) ?? []
      replies.set(it.in_reply_to, known.concat(it.message_id))
    }
    for (const message of ordered) if (message.role === 'assistant') add(message)
    for (const stream of this.streams.values()) add(stream)
    const items = []
    const shown = new Set()
    const show = (it, kind) => {
      const all = it.in_reply_to && replies.get(it.in_reply_to)
      if (!all || all.length < 2) return items.push({ key: it.message_id, kind, value: it, replies: all, at: it.timestamp })
      if (shown.has(it.in_reply_to)) return
      shown.add(it.in_reply_to)
      const id = this.chosen.get(it.in_reply_to) ?? all.at(-1)
      const value = this.messages.get(id) ?? this.streams.get(id)
      const chosenKind = this.messages.has(id) ? 'message' : 'stream'
      items.push({ key: value.message_id, kind: chosenKind, value, replies: all, at: it.timestamp })
    }
    for (const message of ordered) show(message, 'message')
    for (const stream of this.streams.values()) show(stream, 'stream')
    for (const outgoing of this.outgoing) items.push({ key: outgoing.id, kind: 'outgoing', value: outgoing, at: outgoing.at })
    return this.#decorated(items)
  }

  /** Says of each item whether a new day or another person begins with it. */
  #decorated(items) {
    let before
    for (const item of items) {
      const who = item.value.role === 'assistant' || item.kind === 'stream' ? 'assistant' : item.value.user_id ?? 'me'
      const day = dayOf(item.at)
      item.newDay = day !== before?.day
      item.sameAuthor = !item.newDay && who === before?.who
      before = { who, day }
    }
    return items
  }
}

/** The day of the last minute that was asked for: messages come in order, and their days are dear to find out. */
let lastMinute = ''
let lastDay = ''

/** The day of a time, here. @param {string} [at] none: now */
function dayOf(at = new Date().toISOString()) {
  const minute = at.slice(0, 16)
  if (minute !== lastMinute) {
    lastMinute = minute
    lastDay = new Date(at).toDateString()
  }
  return lastDay
}
