// All that the namespace /ai promises, by socket.io-client.
//
// Reads PARLOR_URL, PARLOR_TOKEN, PARLOR_TRANSPORTS, PARLOR_MODULES and PARLOR_REPLY, and prints "all is well".

import { createRequire } from 'node:module'

const { PARLOR_URL, PARLOR_TOKEN, PARLOR_TRANSPORTS, PARLOR_MODULES, PARLOR_REPLY } = process.env
const { io } = createRequire(PARLOR_MODULES + '/')('socket.io-client')
const transports = PARLOR_TRANSPORTS.split(',')

/** A tab: it keeps what it hears, and waits for what is due. */
class Tab {
  heard = []
  read = 0

  constructor(token = PARLOR_TOKEN) {
    this.socket = io(PARLOR_URL + '/ai', { auth: { token }, transports, forceNew: true, reconnectionDelay: 50 })
    this.socket.onAny((name, data) => this.heard.push([name, data]))
    for (const name of ['connect', 'connect_error', 'disconnect']) {
      this.socket.on(name, reason => this.heard.push([name, reason]))
    }
  }

  /** The next event of this name, past all others. */
  async until(wanted) {
    const late = Date.now() + 20_000
    for (;;) {
      while (this.read < this.heard.length) {
        const [name, data] = this.heard[this.read++]
        if (name === wanted) return data
      }
      if (Date.now() > late) throw new Error(`no ${wanted} in ${JSON.stringify(this.heard)}`)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }

  /** Reads a reply to its end: its text, and how it ended. */
  async reply() {
    let text = ''
    const late = Date.now() + 20_000
    for (;;) {
      while (this.read < this.heard.length) {
        const [name, data] = this.heard[this.read++]
        if (name === 'chat:message') {
          if (data.offset === 0) text = ''
          same(data.offset, Buffer.byteLength(text), 'the offset')
          text += data.content
        }
        if (['chat:end', 'chat:stopped', 'chat:error'].includes(name)) return [text, name, data]
      }
      if (Date.now() > late) throw new Error(`no end in ${JSON.stringify(this.heard)}`)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }
}

function same(found, expected, what) {
  if (found !== expected) throw new Error(`${what}: ${JSON.stringify(found)} is not ${JSON.stringify(expected)}`)
}

// Who may not come in is told why.
for (const [token, code] of [['nonsense', 'INVALID_TOKEN'], [undefined, 'UNAUTHENTICATED'], [7, 'UNAUTHENTICATED']]) {
  const stranger = new Tab(token === undefined ? null : token)
  same((await stranger.until('connect_error')).message, code, 'the refusal')
  stranger.socket.close()
}

const [one, two] = [new Tab(), new Tab()]
await one.until('connect')
await two.until('connect')

// A new conversation, seen by both tabs.
one.socket.emit('chat:start', { message: 'Count', conversationId: null })
const { conversationId } = await one.until('chat:conversation')
same((await two.until('chat:conversation')).conversationId, conversationId, 'the second tab’s conversation')
const asked = await one.until('chat:user-message')
same(asked.content, 'Count', 'the question')
same((await two.until('chat:user-message')).messageId, asked.messageId, 'the second tab’s question')
for (const tab of [one, two]) {
  const [text, name, end] = await tab.reply()
  same(name, 'chat:end', JSON.stringify(end))
  same(text, PARLOR_REPLY, 'the reply')
  same(end.conversationId, conversationId, 'where it ended')
  same(typeof end.messageId, 'string', 'its id')
  same(end.totalTokens > 0, true, 'its tokens')
  same(typeof end.model, 'string', 'its model')
}

// What is malformed is refused, and the socket stays.
const refused = async (code, ...args) => {
  one.socket.emit(...args)
  const error = await one.until('chat:error')
  same(error.code, code, JSON.stringify(args).slice(0, 200))
  same(typeof error.message, 'string', 'the words')
}
await refused('INVALID_REQUEST', 'chat:start')
await refused('INVALID_REQUEST', 'chat:start', 'hello')
await refused('INVALID_REQUEST', 'chat:start', ['hello'])
await refused('INVALID_REQUEST', 'chat:start', { message: 1 })
await refused('INVALID_REQUEST', 'chat:start', { message: 'x', conversationId: 'nonsense' })
await refused('INVALID_MESSAGE_CONTENT', 'chat:start', { message: ' ' })
await refused('MESSAGE_TOO_LONG', 'chat:start', { message: 'x'.repeat(1_000_000) })
await refused('FORBIDDEN', 'chat:start', { message: 'x', userId: 'somebody' })
await refused('CONVERSATION_NOT_FOUND', 'chat:start', { message: 'x', conversationId: asked.messageId })
await refused('UNKNOWN_TYPE', 'chat:begin', { message: 'x' })

// A stop that comes too late is answered and harmless; one in time keeps what there is, and both tabs hear of it.
one.socket.emit('chat:stop')
same((await one.until('chat:stopped')).messageId, null, 'nothing was stopped')
one.socket.emit('chat:start', { message: 'Go on', conversationId, maxTokens: 100, temperature: 0, model: null })
await one.until('chat:message')
two.socket.emit('chat:stop')
const stopped = await one.until('chat:stopped')
same((await two.until('chat:stopped')).messageId, stopped.messageId, 'what the second tab heard')

// Two at once are two turns.
one.socket.emit('chat:start', { message: 'First', conversationId })
one.socket.emit('chat:start', { message: 'Second', conversationId })
const ids = new Set([(await one.until('chat:end')).messageId, (await one.until('chat:end')).messageId])
same(ids.size, 2, 'two turns')

// A tab that loses its transport comes back by itself, and the running reply is shown from its beginning.
one.socket.emit('chat:start', { message: 'Once more', conversationId })
await one.until('chat:message')
one.socket.io.engine.close()
await one.until('connect')
const [text, name] = await one.reply()
same(name, 'chat:end', 'the end after a reconnect')
same(text, PARLOR_REPLY, 'the reply after a reconnect')

one.socket.close()
two.socket.close()
console.log('all is well')
