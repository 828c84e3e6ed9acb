// What comes from the server, brought into the model.
import { announce } from '../live.js'
import { t } from '../strings.js'
import { LOST } from './model.js'
import { Place } from './place.js'

/** How long somebody types who does not say that they stopped, in milliseconds. */
const TYPING = 6_000

/** @param {import('./model.js').Model} model */
export function listen(model) {
  const { client } = model
  const me = model.session.user.id
  let wasOffline = false
  let wasReady = false

  client.on('state', connection => {
    model.connection = connection
    if (connection.state === 'offline') wasOffline = true
    model.changed()
  })

  client.on('ready', () => {
    if (wasOffline) announce(t.connection.back)
    // What came meanwhile to what is not open.
    if (wasReady) model.loadLists()
    wasOffline = false
    wasReady = true
    for (const place of model.places) rejoin(place)
    if (model.current?.place) model.open(model.current)
  })

  /** What was open is resumed by the client; what a room has beside its log is asked for again. */
  const rejoin = async place => {
    if (!place.open || !place.room) return
    try {
      model.joined(place, await client.request('join_room', { room_id: place.room }))
      await model.loadBeside(place)
    } catch (problem) {
      if (LOST.has(problem.code)) model.remove(place)
    }
  }

  /**
   * Where a message of ours waited, now that the server says in which conversation it is. Where that is a chat that it has
   * made, all of it is here, unless the chat came to be known otherwise meanwhile: then it is loaded.
   */
  const arrived = ({ conversation_id, seq }, id) => {
    const place = model.places.find(it => it.thread.outgoing.some(other => other.id === id))
    if (!place || place.place) return place
    const other = model.find(conversation_id)
    place.id = conversation_id
    model.answerers.keep(place)
    if (other) {
      model.places = model.places.filter(it => it !== other)
      if (model.current === other) model.current = place
      place.thread.clear()
    } else {
      place.open = true
      client.follow(conversation_id, place.place, seq)
    }
    if (place === model.current) model.settleAddress()
    return place
  }

  /** @param {import('../../parlor-client/types.js').Message} message */
  const learn = message => {
    const { conversation_id, room_id } = message
    const waited = message.user_id === me ? arrived(message, message.client_message_id) : undefined
    const known = waited ?? model.find(conversation_id) ?? (room_id && model.places.find(it => it.room === room_id))
    const place = known || new Place({ room: room_id, kind: room_id ? 'room' : 'chat', title: room_id ?? '' })
    model.identify(place, conversation_id)
    if (known) return place
    model.places.push(place)
    model.loadLists()
    return place
  }

  /** What is not open is loaded as a page of history when it is: at once, where somebody looks at it. */
  const keep = (place, message) => {
    if (place.open) return place.thread.put(message)
    place.thread.pass(message)
    if (place === model.current) model.open(place)
  }

  client.on('message', message => {
    const place = learn(message)
    place.typing.delete(message.user_id ?? 'assistant')
    place.updatedAt = message.timestamp
    if (message.seq > place.lastSeq) place.messageCount += 1
    place.lastSeq = Math.max(place.lastSeq, message.seq)
    const isNew = !place.thread.messages.has(message.message_id)
    keep(place, message)
    const seen = place === model.current && model.atEnd && !document.hidden
    if (isNew && message.user_id !== me && !seen) model.unread.add(place, message.seq)
    if (isNew && place === model.current && message.role === 'user' && message.user_id !== me) {
      announce(t.announce.from(message.username ?? t.thread.somebody, message.content))
    }
    if (!place.title && message.role === 'assistant') model.loadLists()
    if (place === model.current) model.markRead()
    if (message.role === 'assistant') refreshBudget(model)
    model.changed()
  })

  client.on('updated', message => {
    model.find(message.conversation_id)?.thread.update(message)
    model.changed()
  })

  client.on('stream', stream => {
    const place = model.find(stream.conversation_id)
    if (!place) return
    const anew = !place.thread.streams.has(stream.message_id)
    place.thread.stream(stream)
    if (anew) model.changed()
  })

  client.on('thoughts', thoughts => {
    const place = model.find(thoughts.conversation_id)
    if (!place || place.thread.thoughts.has(thoughts.message_id)) return
    place.thread.thoughts.set(thoughts.message_id, thoughts)
    model.changed()
  })

  client.on('typing', ({ conversation_id, user_id, username, is_typing, message_id, in_reply_to }) => {
    const place = model.find(conversation_id)
    if (!place) return
    if (user_id === 'assistant' && is_typing) {
      place.thread.stream({ message_id, in_reply_to, text: '', piece: '' })
      if (place === model.current) announce(t.announce.thinking)
    } else if (is_typing) {
      place.typing.set(user_id, { name: username, until: Date.now() + TYPING })
      setTimeout(() => model.changed(), TYPING + 100)
    } else place.typing.delete(user_id)
    model.changed()
  })

  client.on('presence', data => {
    const place = model.find(data.conversation_id)
    for (const { user_id, status } of data.changes ?? [data]) {
      if (status === 'online') place?.online.add(user_id)
      else place?.online.delete(user_id)
      const known = place?.members.some(it => it.user_id === user_id)
      if (place && !known && status === 'online') model.loadMembers(place).catch(() => {})
    }
    model.changed()
  })

  client.on('sent', ({ outgoing, confirmation }) => {
    const { conversation_id, room_id, server_message_id, seq, timestamp } = confirmation
    const place = arrived(confirmation, outgoing.id) ?? model.find(conversation_id)
    if (!place) return
    model.identify(place, conversation_id)
    keep(place, {
      role: 'user',
      content: outgoing.text,
      conversation_id,
      room_id,
      message_id: server_message_id,
      seq,
      timestamp,
      user_id: me,
      username: model.session.user.username,
      client_message_id: outgoing.id,
      attachments: outgoing.files,
    })
    if (place.isShared) refreshDelivered(model, place)
    model.changed()
  })

  client.on('failed', ({ outgoing, problem }) => {
    for (const place of model.places) {
      const mine = place.thread.outgoing.find(it => it.id === outgoing.id)
      if (mine) Object.assign(mine, { problem })
      if (mine) place.thread.stale()
    }
    model.toast(t.problem(problem))
  })

  client.on('receipt', ({ status, conversation_id, user_id, seq }) => {
    if (status !== 'read' || !user_id) return
    const thread = model.find(conversation_id)?.thread
    thread?.readBy.set(user_id, Math.max(seq, thread.readBy.get(user_id) ?? 0))
    model.changed()
  })

  client.on('resumed', async ({ conversation_id, recovered }) => {
    const place = model.find(conversation_id)
    if (recovered || !place) return
    // Too much was missed, or this is another log: what is here counts no more.
    place.thread.clear()
    await model.loadOlder(place)
  })

  client.on('frame', ({ type, data }) => {
    const place = model.find(data?.conversation_id)
    if (!place) return
    if (type === 'read') return model.readElsewhere(place, data.seq)
    if (type === 'room_deleted' || type === 'leave_room') return model.remove(place)
    if (type === 'member_removed' && data.user_id === me) return model.remove(place)
    if (type.startsWith('member_') && place.open) model.loadMembers(place).catch(() => {})
  })

  client.on('problem', ({ problem, message_id }) => {
    // An upload says itself what became of it.
    if (/^(UPLOAD|CHUNK)_/.test(problem.code)) return
    // A reply that failed says so itself, where it stands.
    const known = model.places.some(it => it.thread.streams.has(message_id) || it.thread.messages.has(message_id))
    if (!known || problem.code === 'TOKEN_BUDGET_EXCEEDED') model.toast(t.problem(problem))
  })

  client.on('signedOut', () => model.onSignedOut?.())
}

/**
 * How long after a message of ours it is looked how far it has got, in milliseconds: others' connections prove that they have
 * it when they answer the server's ping, which comes every 30 s. The protocol has no event for it.
 */
const PROVED = 32_000

/** @param {import('./model.js').Model} model @param {Place} place */
function refreshDelivered(model, place) {
  clearTimeout(place.deliveredTimer)
  place.deliveredTimer = setTimeout(() => {
    if (!document.hidden && place === model.current) model.loadMembers(place).catch(() => {})
  }, PROVED)
}

/** Once in a while. @param {import('./model.js').Model} model */
function refreshBudget(model) {
  clearTimeout(model.budgetTimer)
  model.budgetTimer = setTimeout(() => model.loadMe(), 3_000)
}
