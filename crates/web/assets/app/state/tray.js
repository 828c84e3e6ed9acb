// The files that go with a message that is being written. It is loaded when somebody first wants to send one.
import { Upload } from '../../parlor-client/upload.js'
import { announce } from '../live.js'
import { t } from '../strings.js'

/** How many files a message carries. */
const MOST = 10
/** How many are uploaded at the same time. */
const AT_ONCE = 2

export class Tray {
  /** @type {{ key: number, file: File, upload?: Upload }[]} */
  items = []
  /** @type {((files: any[]) => void) | null} what happens once all of them are there */
  held = null
  #next = 0
  #model

  /** @param {import('./model.js').Model} model */
  constructor(model) {
    this.#model = model
  }

  /** @param {Iterable<File>} files */
  add(files) {
    const room = MOST - this.items.length
    const taken = [...files].slice(0, room)
    if ([...files].length > room) this.#model.toast(t.upload.most(MOST))
    for (const file of taken) this.items.push({ key: (this.#next += 1), file })
    if (taken.length) announce(t.upload.added(taken.map(file => file.name)))
    this.#work()
  }

  /** Takes a file out. What the server has of it goes. */
  remove(item) {
    const { upload } = item
    this.items = this.items.filter(it => it !== item)
    upload?.cancel()
    if (upload?.id) this.#model.api.deleteFile(upload.id).catch(() => {})
    if (!this.items.length) this.held = null
    this.#work()
  }

  /** Uploads a file again that failed. */
  again(item) {
    item.upload = undefined
    this.#work()
  }

  /** Whether all of them are there. */
  get ready() {
    return this.items.every(it => it.upload?.state === 'done')
  }

  /** Gives the files to `say` once all of them are there, unless one fails. @param {(files: any[]) => void} say */
  send(say) {
    this.held = say
    if (!this.ready) announce(t.upload.held)
    this.#work()
  }

  release() {
    this.held = null
    this.#model.changed()
  }

  #work() {
    const busy = this.items.filter(it => it.upload && ['waiting', 'uploading', 'checking'].includes(it.upload.state)).length
    for (const item of this.items.filter(it => !it.upload).slice(0, Math.max(0, AT_ONCE - busy))) this.#begin(item)
    if (this.held && this.items.some(failed)) {
      this.held = null
      announce(t.upload.notSent)
    }
    if (this.held && this.ready) {
      const files = this.items.map(({ file, upload }) => ({ file_id: upload.id, name: file.name, mime_type: file.type, size: file.size }))
      const say = this.held
      Object.assign(this, { items: [], held: null })
      say(files)
    }
    this.#model.changed()
  }

  #begin(item) {
    const { file } = item
    // For nobody but its owner, until the message is sent.
    const upload = new Upload(this.#model.client, file, null)
    item.upload = upload
    upload.on('progress', () => this.#model.changed())
    upload.on('state', ({ state, problem }) => {
      if (item.upload !== upload || !this.items.includes(item)) return
      if (state === 'done') announce(t.upload.isDone(file.name))
      if (state === 'failed') announce(t.upload.isRefused(file.name, t.problem(problem)))
      this.#work()
    })
  }
}

const failed = item => item.upload?.state === 'failed'
