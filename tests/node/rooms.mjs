// A small chat program for Parlor's `rooms` dialect, as somebody would write it for a browser: it uses nothing but the
// WebSocket that Node.js and browsers have.
//
// Reads PARLOR_URL, PARLOR_TOKEN and PARLOR_ROOM. Asks something, prints "ready" when it was answered, comes back
// whenever the connection is lost, and when somebody says "the end" prints all that it heard, a line each, and
// "all is well".

const { PARLOR_URL, PARLOR_TOKEN, PARLOR_ROOM: room } = process.env

class Program {
  heard = new Map()
  answer = ''
  answered = false
  uploads = false
  typed = false
  ready = false

  connect() {
    const query = new URLSearchParams({ token: PARLOR_TOKEN, room_id: room })
    this.socket = new WebSocket(`${PARLOR_URL}?${query}`)
    this.socket.onopen = () => this.ready || this.begin()
    this.socket.onmessage = event => this.read(JSON.parse(event.data))
    this.socket.onclose = () => this.ended() || setTimeout(() => this.connect(), 100)
    this.socket.onerror = () => {} // a close follows
  }

  begin() {
    this.say('hello from JavaScript')
    this.send({ type: 'typing', data: { is_typing: true, room_id: room } })
    const upload = { upload_type: 'init', file_name: 'a.txt', file_size: 1, mime_type: 'text/plain' }
    this.send({ type: 'file_upload', data: upload, room_id: room })
  }

  say(text) {
    const data = { message: text, conversation_id: null, model_preference: 'gpt-4' }
    this.send({ type: 'chat', data, room_id: room, message_id: 'msg-' + Date.now() })
  }

  send(frame) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame))
  }

  ended() {
    return [...this.heard.values()].includes('the end')
  }

  read({ type, data }) {
    switch (type) {
      case 'chat':
        if (data.role === 'user') this.heard.set(data.message_id, data.content)
        else if (data.streaming) this.answer += data.content
        else this.answered = true
        break
      case 'typing':
        this.typed ||= data.user_id === 'assistant'
        break
      case 'file_upload':
        this.uploads = data.upload_type === 'init' && data.status === 'ready'
        break
      case 'error':
        throw new Error(JSON.stringify(data))
    }
    if (!this.ready && this.answered && this.uploads && this.typed) {
      if (this.answer.length <= 10) throw new Error(`this is no answer: ${this.answer}`)
      this.ready = true
      console.log('ready')
    }
    if (this.ended()) this.socket.close(1000)
  }
}

const program = new Program()
program.connect()
const late = setTimeout(() => { throw new Error('it does not end') }, 50_000)
while (!program.ended()) await new Promise(resolve => setTimeout(resolve, 10))
clearTimeout(late)
console.log([...program.heard.values()].join('\n'))
console.log('all is well')
