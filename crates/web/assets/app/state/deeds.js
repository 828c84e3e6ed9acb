// What the reader does with what the page knows.
import { uuid } from '../../parlor-client/index.js'
import { t } from '../strings.js'
import { Model } from './model.js'
import { Place, titleOf } from './place.js'

/** How often others are told that somebody types, in milliseconds: it ends by itself after 6 s. */
const TYPING = 3_000

export class Deeds extends Model {
  #typedAt = 0
  /** Says something in a place, or in a new chat where there is none, or where the message that was to make it was refused. */
  say(place, text, options = {}, files = []) {
    const { pending } = place ?? {}
    const where = place?.place ?? (this.client.outgoing.some(it => it.id === pending) ? { pending } : null)
    const carried = files.length ? { attachments: files.map(it => it.file_id) } : {}
    const outgoing = this.client.send(where, text, { ...options, ...carried }, files)
    if (!place) {
      place = new Place({ pending: outgoing.id, title: titleOf(text), answerer: this.answerers.of(null) })
      place.thread.isNew()
      this.places.push(place)
    } else if (!where) {
      place.pending = outgoing.id
      if (place === this.current) this.settleAddress()
      // The list is another one by that name, and begins at its end.
      this.atEnd = true
    }
    place.thread.outgoing.push({ ...outgoing, role: 'user' })
    place.thread.stale()
    place.updatedAt = outgoing.at
    this.#typedAt = 0
    // Who went elsewhere while the message waited for its files stays there.
    const away = this.current && this.places.includes(this.current)
    if (this.current !== place && !away) this.go(place.route)
    this.changed()
    return place
  }

  retry(place, outgoing) {
    this.#takeBack(place, outgoing)
    this.say(place, outgoing.text, outgoing.options, outgoing.files)
  }

  #takeBack(place, { id }) {
    this.client.discard(id)
    place.thread.outgoing = place.thread.outgoing.filter(it => it.id !== id)
    place.thread.stale()
  }

  discard(place, outgoing) {
    this.#takeBack(place, outgoing)
    if (!place.place && !place.thread.outgoing.length) this.remove(place)
    this.changed()
  }

  stop(place) {
    const live = place.thread.live
    if (live) this.client.tell('stop', { ...place.place, message_id: live.message_id })
  }

  regenerate(place, id, options = {}) {
    return this.#ask('regenerate', { ...place.place, message_id: id, ...options })
  }

  /** Changes a message as it is being edited. What was written stays where the server does not take it. */
  async edit(place, again) {
    const { editing } = this
    const { id, text, busy } = editing
    if (busy || !text.trim()) return
    editing.busy = true
    await this.#try(async () => {
      await this.client.request('edit', { message_id: id, message: text.trim() })
      if (this.editing === editing) this.endEditing()
      if (again) this.regenerate(place, id)
    })
    editing.busy = false
  }

  endEditing() {
    this.editing = null
    document.getElementById('composer')?.focus()
    this.changed()
  }

  deleteMessage(id) {
    return this.#ask('delete', { message_id: id })
  }

  react(message, emoji) {
    const mine = message.reactions?.find(it => it.emoji === emoji)?.user_ids.includes(this.session.user.id)
    return this.#ask('react', { message_id: message.message_id, emoji, ...(mine ? { remove: true } : {}) })
  }

  /** A change whose answer comes as an event like everybody's. */
  async #ask(type, data) {
    if (!this.client.tell(type, data)) this.toast(t.problems.UNREACHABLE)
  }

  typing(place) {
    if (!place?.isShared || Date.now() - this.#typedAt < TYPING) return
    this.#typedAt = Date.now()
    this.client.tell('typing', { ...place.place, is_typing: true })
  }

  choose(place, question, reply) {
    place.thread.chosen.set(question, reply)
    place.thread.stale()
    this.changed()
  }

  /** Chooses who answers: in a chat for its reader, in a room for everybody. */
  async chooseAnswerer(place, name) {
    await this.#try(async () => {
      if (place?.room) await this.answerers.chooseForRoom(place, name)
      else this.answerers.choose(place, name)
    })
    this.changed()
  }

  /** What goes with a message to say who is to answer. */
  choice(place) {
    return this.answerers.choice(place)
  }

  async createRoom({ name, kind, aiMode }) {
    const words = name.toLowerCase().normalize('NFKD').replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '')
    const room_id = `${words.slice(0, 40) || 'room'}-${uuid().slice(0, 8)}`
    const room = await this.api.createRoom({ room_id, room_name: name, room_type: kind, ai_mode: aiMode })
    this.learnRoom(room)
    this.go({ view: 'room', id: room_id })
  }

  async leave(place) {
    await this.#try(async () => {
      await this.client.request('leave_room', { room_id: place.room })
      this.remove(place)
    })
  }

  /** Deletes a room, or a chat, which can be brought back. */
  async deletePlace(place) {
    await this.#try(async () => {
      if (place.room) await this.api.deleteRoom(place.room)
      else await this.api.deleteChat(place.id)
      this.remove(place)
      if (!place.room) this.toast(t.chatDeleted, { label: t.restored, act: () => this.#restoreChat(place) })
    })
  }

  #restoreChat(place) {
    return this.#try(async () => {
      await this.api.restoreChat(place.id)
      this.places.push(Object.assign(place, { open: false }))
      this.go(place.route)
    })
  }

  async export(place, format) {
    await this.#try(async () => {
      const file = place.room ? await this.#roomFile(place, format) : await this.api.exportChat(place.id, format)
      const url = URL.createObjectURL(file)
      const link = Object.assign(document.createElement('a'), { href: url, download: `${place.name}.${format}` })
      link.click()
      setTimeout(() => URL.revokeObjectURL(url), 60_000)
    })
  }

  /** What makes it is loaded when somebody first wants one. */
  async #roomFile(place, format) {
    const { exportRoom } = await import('./exports.js')
    return exportRoom(this.client, place, format)
  }

  async rename(username) {
    await this.#try(async () => {
      this.me = await this.api.rename(username)
      this.session.rename({ username })
      // A connection is called what its user was called when it was opened.
      this.client.close()
      this.client.connect()
      this.changed()
    })
  }

  addMember(place, user_id) {
    return this.client.request('add_member', { room_id: place.room, user_id }).then(() => this.loadMembers(place))
  }

  removeMember(place, user_id) {
    return this.client.request('remove_member', { room_id: place.room, user_id }).then(() => this.loadMembers(place))
  }

  /** Does something whose refusal the reader is told. */
  async #try(work) {
    try {
      return await work()
    } catch (problem) {
      this.toast(t.problem(problem))
    }
  }
}
