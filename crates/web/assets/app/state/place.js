// A conversation of the sidebar: a chat with the AI, or a room.
import { Thread } from './thread.js'
import { t } from '../strings.js'

/** What a chat is called until the server says it. @param {string} text */
export function titleOf(text) {
  const line = text.trim().split('\n')[0]
  return line.length > 50 ? `${line.slice(0, 49)}…` : line
}

export class Place {
  /** @type {'chat' | 'room'} */
  kind = 'chat'
  /** @type {string | undefined} the conversation's id; none while it is on its way to be made */
  id
  /** @type {string | undefined} */
  room
  title = ''
  /** @type {string} of a room: private, shared or group */
  type = 'private'
  aiMode = 'always'
  role = 'owner'
  updatedAt = new Date().toISOString()
  lastSeq = 0
  /** How far the reader has read, as the server was told. */
  readSeq = 0
  unread = 0
  /** How far what is unread was counted, and how many messages a room has. */
  counted = 0
  messageCount = NaN
  members = []
  memberCount = 0
  online = new Set()
  /** @type {Map<string, { name: string, until: number }>} who types */
  typing = new Map()
  thread = new Thread()
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  deliveredTimer
  /** Whether this connection has joined it: pieces of replies come, and who types and is there. */
  open = false
  /** @type {string | undefined} of a chat: who was chosen to answer in it */
  answerer
  /** @type {any} of a room: its assistant, where it has one */
  assistant = null
  /** @type {string | undefined} the id of the message that will make it */
  pending

  constructor(fields = {}) {
    Object.assign(this, fields)
  }

  /** @param {any} room as it is listed */
  static room(room) {
    const place = new Place({ kind: 'room', room: room.room_id })
    place.refreshRoom(room)
    return place
  }

  refreshRoom(room) {
    Object.assign(this, {
      title: room.room_name,
      type: room.room_type,
      aiMode: room.ai_mode,
      role: room.role,
      updatedAt: room.updated_at,
      lastSeq: room.last_seq,
      messageCount: room.message_count,
      memberCount: room.participant_count,
    })
  }

  /** @param {any} chat as it is listed */
  static chat(chat) {
    const { session_id, title, updated_at } = chat
    return new Place({ id: session_id, title, updatedAt: updated_at })
  }

  /** How frames name it. */
  get place() {
    if (this.room) return { room_id: this.room }
    return this.id ? { conversation_id: this.id } : null
  }

  /** Where it is found in the address. */
  get route() {
    return this.room ? { view: 'room', id: this.room } : { view: 'conversation', id: this.id ?? this.pending }
  }

  get name() {
    return this.title || t.thread.untitled
  }

  /** Whether other people are in it. */
  get isShared() {
    return this.kind === 'room' && (this.type !== 'private' || this.memberCount > 1)
  }

  /** The name of a member. @param {string} user */
  nameOf(user) {
    return this.members.find(it => it.user_id === user)?.username ?? t.thread.somebody
  }

  typers(me) {
    const now = Date.now()
    return [...this.typing].filter(([id, { until }]) => until > now && id !== me && id !== 'assistant').map(([, it]) => it.name)
  }
}
