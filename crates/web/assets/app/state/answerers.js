// Who is to answer: an assistant, a model, or whom the server chooses. A chat's choice is its reader's and goes with each
// message; a room's is its owner's, is kept by the server, and holds for everybody in it.
import { t } from '../strings.js'

const DEFAULT = 'parlor-model'
const CHOSEN = 'parlor-answerers'
/** How many chats' choices are remembered. */
const KEPT = 200

export class Answerers {
  /** @type {{ id: string, name: string, displayName: string, scope: string, model: string | null }[]} */
  assistants = []
  /** @type {string[]} */
  models = []
  /** Whether it is known who there is. Until then a choice holds as it is. */
  #loaded = false
  #api
  /** @type {[string, string][]} by conversation, the last chosen last */
  #chosen

  /** @param {ReturnType<typeof import('./api.js').api>} api */
  constructor(api) {
    this.#api = api
    this.#chosen = JSON.parse(localStorage.getItem(CHOSEN) ?? '[]')
  }

  async load() {
    const [assistants, models] = await Promise.all([this.#api.assistants(), this.#api.models()])
    this.#loaded = true
    this.assistants = assistants.data
    this.models = models.data.filter(it => it.owned_by !== 'assistant').map(it => it.id)
  }

  /** The name of who is chosen; empty where it is left to the server. @param {import('./place.js').Place | null} place */
  of(place) {
    if (place?.room) return place.assistant?.name ?? ''
    const kept = place?.id && this.#chosen.find(([id]) => id === place.id)?.[1]
    const name = place?.answerer ?? kept ?? localStorage.getItem(DEFAULT) ?? ''
    return this.#knows(name) ? name : ''
  }

  #knows(name) {
    return !this.#loaded || this.models.includes(name) || this.assistants.some(it => it.name === name)
  }

  /** What goes with a message. In a room, naming somebody would call the AI. @param {import('./place.js').Place | null} place */
  choice(place) {
    const name = place?.room ? '' : this.of(place)
    return name ? { model_preference: name } : {}
  }

  /** Chooses for a chat; for none, for those that begin from now on. */
  choose(place, name) {
    if (!place) return localStorage.setItem(DEFAULT, name)
    place.answerer = name
    this.keep(place)
  }

  /** Remembers a chat's choice. @param {import('./place.js').Place} place */
  keep(place) {
    const { id, answerer } = place
    if (!id || answerer === undefined) return
    this.#chosen = [...this.#chosen.filter(([other]) => other !== id), /** @type {[string, string]} */ ([id, answerer])].slice(-KEPT)
    localStorage.setItem(CHOSEN, JSON.stringify(this.#chosen))
  }

  /** Says for everybody who answers in a room. @param {import('./place.js').Place} place @param {string} name */
  async chooseForRoom(place, name) {
    const { assistant } = await this.#api.setRoomAssistant(place.room, name || null)
    place.assistant = assistant
  }

  async loadRoom(place) {
    const { assistant } = await this.#api.roomAssistant(place.room)
    place.assistant = assistant
  }

  /** What people call who has that name. @param {string} name */
  label(name) {
    if (!name) return t.answerer.automatic
    return this.assistants.find(it => it.name === name)?.displayName ?? name
  }
}
