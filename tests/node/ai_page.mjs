// What a chat page does with its socket: it connects once, shows what comes, sends, and stops. The calls of the socket and
// their order are those of a page in React; its state is here in plain variables.
//
// Reads PARLOR_URL, PARLOR_TOKEN, PARLOR_TRANSPORTS, PARLOR_MODULES and PARLOR_REPLY, and prints "all is well".

import { createRequire } from 'node:module'

const { PARLOR_URL, PARLOR_TOKEN, PARLOR_TRANSPORTS, PARLOR_MODULES, PARLOR_REPLY } = process.env
const { io } = createRequire(PARLOR_MODULES + '/')('socket.io-client')
const userId = JSON.parse(Buffer.from(PARLOR_TOKEN.split('.')[1], 'base64url')).sub

class Page {
  connected = false
  response = ''
  isStreaming = false
  conversationId = null
  ended = []
  errors = []

  mount() {
    this.socket = io(PARLOR_URL + '/ai', { auth: { token: PARLOR_TOKEN }, transports: PARLOR_TRANSPORTS.split(',') })
    this.socket.on('connect', () => { this.connected = true })
    this.socket.on('chat:conversation', data => { this.conversationId = data.conversationId })
    this.socket.on('chat:message', data => { this.response += data.content })
    this.socket.on('chat:end', data => { this.isStreaming = false; this.ended.push(data) })
    this.socket.on('chat:error', error => { this.errors.push(error.message); this.isStreaming = false })
  }

  send(message) {
    this.isStreaming = true
    this.response = ''
    const { conversationId } = this
    this.socket.emit('chat:start', { userId, message, conversationId, model: 'gpt-4', maxTokens: 4096, temperature: 0.7 })
  }

  stop() {
    this.socket.emit('chat:stop')
    this.isStreaming = false
  }

  unmount() {
    this.socket.close()
  }
}

async function until(what, is) {
  const late = Date.now() + 20_000
  while (!is()) {
    if (Date.now() > late) throw new Error(`too late: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

function same(found, expected, what) {
  if (found !== expected) throw new Error(`${what}: ${JSON.stringify(found)} is not ${JSON.stringify(expected)}`)
}

const page = new Page()
page.mount()
page.send('Explain it') // before it is connected: the library keeps it
await until('the first reply', () => page.ended.length === 1)
same(page.response, PARLOR_REPLY, 'the reply')
same(typeof page.conversationId, 'string', 'the conversation')
same(page.isStreaming, false, 'it streams')
same(page.ended[0].conversationId, page.conversationId, 'where it ended')
const first = page.conversationId

page.send('And then?')
await until('the second reply', () => page.response.length > 0)
page.stop()
let stopped = ''
await new Promise(resolve => page.socket.once('chat:stopped', data => { stopped = data.messageId; resolve() }))
same(typeof stopped, 'string', 'what was stopped')
const kept = page.response
if (!PARLOR_REPLY.startsWith(kept) || kept === PARLOR_REPLY) throw new Error(`it was not stopped: ${kept}`)
await new Promise(resolve => setTimeout(resolve, 200))
same(page.response, kept, 'what comes after a stop')
same(page.conversationId, first, 'the conversation')

page.send('Once more')
await until('the third reply', () => page.ended.length === 2)
same(page.response, PARLOR_REPLY, 'the third reply')
same(page.errors.length, 0, page.errors.join())
page.unmount()

const answer = await fetch(`${PARLOR_URL}/api/v1/ai/conversations/${first}`, { headers: { Authorization: `Bearer ${PARLOR_TOKEN}` } })
const { messages } = await answer.json()
same(messages.map(it => it.role).join(), 'USER,ASSISTANT,USER,ASSISTANT,USER,ASSISTANT', 'the roles')
same(messages[3].content, kept, 'what a stop keeps')
console.log('all is well')
