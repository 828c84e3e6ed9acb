// All that the page knows. Views show it, and call what the reader does (`deeds.js`); nothing else talks to the server.
import { ParlorClient, uuid } from '../../parlor-client/index.js'
import { announce } from '../live.js'
import { Observable } from '../observable.js'
import { t } from '../strings.js'
import { Answerers } from './answerers.js'
import { api } from './api.js'
import { listen } from './events.js'
import { Place, titleOf } from './place.js'
import { addressOf, readRoute } from './routes.js'
import { Unread } from './unread.js'

/** Refusals that do not pass: a place is not there, or not for this user. */
export const LOST = new Set(['ROOM_NOT_FOUND', 'ROOM_ACCESS_DENIED', 'ROOM_FULL', 'CONVERSATION_NOT_FOUND', 'INVALID_REQUEST'])

export class Model extends Observable {
  /** @type {Place[]} */
  places = []
  /** @type {Place | null} */
  current = null
  route = readRoute()
  connection = { state: 'closed' }
  toasts = []
  chatPage = 1
  moreChats = false
  /** @type {any} */
  me = null
  /** @type {{ id: string, text: string, busy?: boolean } | null} the message that is being edited, and what was made of it */
  editing = null
  /** @type {Map<string, string>} what was written and not sent, by place */
  drafts = new Map()
  /** @type {Map<string, import('./tray.js').Tray>} the files that go with it */
  trays = new Map()
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  budgetTimer
  /** @type {(() => void) | undefined} what happens once the sign-in has ended */
  onSignedOut
  /** @type {() => Promise<void>} */
  signOut = async () => {}
  /** @type {() => void} looks for a conversation */
  search = () => {}
  /** @type {(words: string) => void} puts words into the field where messages are written */
  suggest = () => {}

  /** @param {import('../../parlor-client/session.js').Session} session @param {any} config */
  constructor(session, config) {
    super()
    this.session = session
    this.config = config
    this.api = api(session)
    const url = `${location.origin.replace(/^http/, 'ws')}/api/v1/ws/ws`
    this.client = new ParlorClient({
      url,
      token: again => session.token(again),
      user: session.user.id,
      storage: localStorage,
    })
    this.answerers = new Answerers(this.api)
    this.unread = new Unread(session.user.id)
    listen(this)
    for (const outgoing of this.client.outgoing) this.#restore(outgoing)
  }

  get isGuest() {
    return this.session.user.email.endsWith('@guests.invalid')
  }

  start() {
    this.client.connect()
    const { signal } = this.#ended
    addEventListener('hashchange', () => this.navigate(), { signal })
    const onSeen = () => {
      if (document.hidden) return
      this.client.wake()
      this.markRead()
    }
    addEventListener('visibilitychange', onSeen, { signal })
    addEventListener('focus', () => this.markRead(), { signal })
    // Before the lists are there, too: what is written belongs where the address says.
    this.navigate()
    this.loadLists()
    this.answerers.load().then(() => this.changed()).catch(() => {})
    this.loadMe()
  }

  #ended = new AbortController()

  end() {
    this.#ended.abort()
    this.client.close()
  }

  loadMe() {
    return this.api.me().then(me => (this.me = me, this.changed())).catch(() => {})
  }

  // Lists.

  async loadLists() {
    try {
      const [chats, rooms] = await Promise.all([this.api.chats(), this.api.rooms()])
      this.moreChats = chats.meta.totalPages > this.chatPage
      for (const room of rooms.rooms) this.learnRoom(room)
      for (const chat of chats.data) this.#learnChat(chat)
      // It may have been read on another device.
      for (const place of this.places) if (place.room && place.unread) this.loadMembers(place).catch(() => {})
    } catch (problem) {
      if (problem.code !== 'UNREACHABLE') this.toast(t.problem(problem))
    }
    this.changed()
  }

  async loadMoreChats() {
    const page = this.chatPage + 1
    try {
      const chats = await this.api.chats(page)
      for (const chat of chats.data) this.#learnChat(chat)
      this.chatPage = page
      this.moreChats = chats.meta.totalPages > page
    } catch (problem) {
      this.toast(t.problem(problem))
    }
    this.changed()
  }

  learnRoom(room) {
    let place = this.places.find(it => it.room === room.room_id)
    if (!place) this.places.push((place = Place.room(room)))
    // What came to it without a connection, and is not asked for until it is open.
    const missed = place.open ? 0 : room.message_count - place.messageCount
    this.identify(place, room.conversation_id)
    place.refreshRoom(room)
    if (missed > 0) this.unread.add(place, room.last_seq, missed)
  }

  /** A place whose id was not known until now, and what was counted of it. */
  identify(place, id) {
    if (place.id) return
    place.id = id
    this.unread.onto(place)
  }

  #learnChat(chat) {
    const known = this.find(chat.session_id)
    if (known) Object.assign(known, { title: chat.title, updatedAt: chat.updated_at })
    else this.places.push(this.unread.onto(Place.chat(chat)))
  }

  /** A message of an earlier visit that is not confirmed yet. */
  #restore(outgoing) {
    const { place } = outgoing
    let found = this.places.find(it => it.room && it.room === place?.room_id)
    found ??= place?.conversation_id ? this.find(place.conversation_id) : undefined
    found ??= place?.pending ? this.places.find(it => it.pending === place.pending) : undefined
    if (!found) {
      found = new Place({ id: place?.conversation_id, room: place?.room_id, pending: place ? undefined : outgoing.id })
      if (place?.room_id) found.kind = 'room'
      else found.title = titleOf(outgoing.text)
      if (!place) found.thread.isNew()
      this.places.push(found)
    }
    found.thread.outgoing.push(outgoing)
  }

  /** @param {string | undefined} conversation */
  find(conversation) {
    return conversation ? this.places.find(it => it.id === conversation) : undefined
  }

  // Where the reader is.

  go(route) {
    const address = addressOf(route)
    if (location.hash === address) this.navigate()
    else location.hash = address
  }

  async navigate() {
    this.route = readRoute()
    const { view, id } = this.route
    if (view === 'room') await this.#enter(id)
    else if (view === 'conversation') this.#show(this.places.find(it => it.id === id || it.pending === id) ?? this.#unknown(id))
    else this.#show(null)
  }

  /**
   * What a chat was called here until its first message was confirmed means nothing after a reload: its address is by the id
   * that it has now. The confirmation may come before the chat is shown, or after; and one that is refused is said again as
   * another one.
   */
  settleAddress() {
    const { current, route } = this
    if (!current || route.view !== 'conversation' || route.id === current.route.id) return
    history.replaceState(null, '', addressOf(current.route))
    this.route = readRoute()
  }

  /** A conversation that is in no list that was loaded. */
  #unknown(id) {
    const place = this.unread.onto(new Place({ id }))
    this.places.push(place)
    return place
  }

  async #enter(room) {
    let place = this.places.find(it => it.room === room)
    if (!place) {
      place = new Place({ kind: 'room', room, title: room })
      this.places.push(place)
    }
    this.#show(place)
  }

  #show(place) {
    // Each begins at its end.
    if (place !== this.current) this.atEnd = true
    this.current = place
    this.settleAddress()
    if (place?.place) this.open(place)
    this.changed()
    this.markRead()
  }

  /** Joins a place, and loads what was said last. */
  async open(place) {
    if (place.open || this.client.state !== 'online') return
    place.open = true
    try {
      if (place.room) this.joined(place, await this.client.request('join_room', { room_id: place.room }))
      await place.thread.loadOlder(this.client, place.place)
      this.client.follow(place.id, place.place, place.thread.newest)
      await this.loadBeside(place)
    } catch (problem) {
      place.open = false
      if (problem.code !== 'UNREACHABLE') this.toast(t.problem(problem))
      if (LOST.has(problem.code)) this.remove(place)
      // What it waits for is over then.
      else if (problem.retryAfter) setTimeout(() => place === this.current && this.open(place), problem.retryAfter * 1_000)
    }
    this.changed()
    this.markRead()
  }

  joined(place, answer) {
    this.identify(place, answer.conversation_id)
    Object.assign(place, {
      title: answer.room_name,
      type: answer.room_type,
      aiMode: answer.ai_mode,
      role: answer.role,
      memberCount: answer.participant_count,
      online: new Set(answer.online),
    })
  }

  /** What a place has beside its log, without which it can be read; of a chat that is in no list, its title. */
  loadBeside(place) {
    if (!place.room) return place.title || this.api.chat(place.id).then(chat => this.#learnChat(chat)).catch(() => {})
    return Promise.allSettled([this.loadMembers(place), this.answerers.loadRoom(place)])
  }

  async loadMembers(place) {
    const { members } = await this.api.members(place.room)
    place.members = members
    place.memberCount = Math.max(members.length, place.memberCount)
    for (const { user_id, read_seq, delivered_seq } of members) {
      if (user_id === this.session.user.id) {
        this.readElsewhere(place, read_seq)
        continue
      }
      place.thread.readBy.set(user_id, Math.max(read_seq, place.thread.readBy.get(user_id) ?? 0))
      place.thread.deliveredTo = Math.max(delivered_seq, place.thread.deliveredTo)
    }
    this.changed()
  }

  remove(place) {
    this.places = this.places.filter(it => it !== place)
    if (place.id) this.client.forget(place.id)
    if (this.current === place) this.go({ view: 'new' })
    this.changed()
  }

  async loadOlder(place) {
    try {
      await place.thread.loadOlder(this.client, place.place)
    } catch (problem) {
      if (problem.code !== 'UNREACHABLE') this.toast(t.problem(problem))
    }
    this.changed()
  }

  /** Whether the reader looks at the newest message of what is shown; the list says so. */
  atEnd = true

  markRead() {
    const place = this.current
    if (!place?.id || !this.atEnd || document.hidden || !document.hasFocus()) return
    const seq = Math.max(place.thread.newest, this.client.seq(place.id) ?? 0)
    if (place.unread) {
      this.unread.set(place, 0, seq)
      this.changed()
    }
    if (seq > place.readSeq && this.client.tell('read', { ...place.place, seq })) place.readSeq = seq
  }

  /** The reader has read up to here, on another device or in another tab. @param {Place} place @param {number} seq */
  readElsewhere(place, seq) {
    if (seq <= place.readSeq) return
    place.readSeq = seq
    const me = this.session.user.id
    const later = [...place.thread.messages.values()].filter(it => it.seq > seq && it.user_id !== me).length
    // What is not loaded was counted one by one as it came.
    const left = place.open ? later : Math.max(0, place.lastSeq - seq)
    this.unread.set(place, Math.min(place.unread, left), seq)
    this.changed()
  }

  toast(words, action) {
    const toast = { words, action, key: uuid() }
    this.toasts = [...this.toasts.slice(-2), toast]
    announce(words)
    setTimeout(() => {
      this.toasts = this.toasts.filter(it => it !== toast)
      this.changed()
    }, 6_000)
    this.changed()
  }
}
