// All conversations, and how to find one.
import { html, useEffect, useRef, useState } from '../html.js'
import { Icon } from '../icons.js'
import { safe } from '../markdown/render.js'
import { addressOf } from '../state/routes.js'
import { t } from '../strings.js'
import { Account } from './account.js'
import { Avatar, IconButton, Mark, useDialog } from './parts.js'
import { BrowseRooms, NewRoom } from './rooms.js'

/** How long the reader must have stopped to type before the server is asked, in milliseconds. */
const PAUSE = 250
const DAY = 86_400_000

export const Sidebar = ({ model }) => {
  const [words, setWords] = useState('')
  const [found, setFound] = useState(null)
  const [dialog, show, close] = useDialog()
  const field = useRef(null)
  useEffect(() => {
    model.search = () => field.current.focus()
  }, [])
  useEffect(() => {
    setFound(null)
    if (!words.trim()) return
    // What was looked for before may be answered later.
    let over = false
    const show = answer => over || setFound(answer)
    const timer = setTimeout(() => model.api.search(words.trim()).then(show, () => {}), PAUSE)
    return () => {
      over = true
      clearTimeout(timer)
    }
  }, [words])
  const fits = place => place.name.toLowerCase().includes(words.trim().toLowerCase())
  const sorted = model.places.filter(fits).sort((a, b) => b.updatedAt.localeCompare(a.updatedAt))
  const rooms = sorted.filter(it => it.kind === 'room')
  const chats = sorted.filter(it => it.kind === 'chat')
  const hits = found?.data.filter(hit => hit.matches?.length && !chats.some(it => it.id === hit.session_id)) ?? []
  const row = place => html`<${Row} key=${place.room ?? place.id ?? place.pending} model=${model} place=${place} />`
  return html`
    <nav class="sidebar" aria-label=${t.sidebar.label}>
      <div class="top">
        <span class="brand"><${Mark} />${t.name}</span>
        <${IconButton} icon="rooms" label=${t.sidebar.newRoom} onClick=${() => show(() => html`<${NewRoom} model=${model} onClose=${close} />`)} />
        <${IconButton} icon="plus" label=${t.sidebar.newChat} onClick=${() => model.go({ view: 'new' })} />
      </div>
      <div class="search">
        <${Icon} name="search" />
        <input ref=${field} type="search" aria-label=${t.sidebar.search} placeholder=${t.sidebar.searchHint} value=${words}
          onInput=${event => setWords(event.target.value)} onKeyDown=${event => event.key === 'Escape' && setWords('')} />
      </div>
      <div class="places" tabindex="-1">
        ${rooms.length > 0 && html`<h2>${t.sidebar.rooms}</h2><ul>${rooms.map(row)}</ul>`}
        <button type="button" class="link browse" onClick=${() => show(() => html`<${BrowseRooms} model=${model} onClose=${close} />`)}>${t.sidebar.browse}</button>
        ${ages(chats).map(([age, places]) => html`<h2 key=${age}>${age}</h2><ul>${places.map(row)}</ul>`)}
        ${hits.length > 0 && html`<h2>${t.message.sources}</h2><ul>${hits.map(hit => html`<${Hit} key=${hit.session_id} model=${model} hit=${hit} />`)}</ul>`}
        ${words.trim() && found && !sorted.length && !hits.length && html`<p class="hint">${t.sidebar.nothing}</p>`}
        ${!words.trim() && !sorted.length && html`<p class="hint">${t.sidebar.noChats}</p>`}
        ${model.moreChats && !words && html`<button type="button" class="link" onClick=${() => model.loadMoreChats()}>${t.sidebar.more}</button>`}
      </div>
      <button type="button" class="me" onClick=${() => show(() => html`<${Account} model=${model} onClose=${close} />`)}>
        <${Avatar} name=${model.session.user.username} small online=${model.connection.state === 'online'} />
        <span class="grow">${model.session.user.username}</span><span class="unseen">${t.sidebar.account}</span><${Icon} name="more" />
      </button>
      ${dialog()}
    </nav>
  `
}

/** Chats by how long ago something was said in them. */
function ages(chats) {
  const midnight = new Date().setHours(0, 0, 0, 0)
  const groups = new Map()
  for (const chat of chats) {
    const at = new Date(chat.updatedAt).getTime()
    const { today, yesterday, week, earlier } = t.sidebar
    const age = at >= midnight ? today : at >= midnight - DAY ? yesterday : at >= midnight - 6 * DAY ? week : earlier
    groups.set(age, (groups.get(age) ?? []).concat(chat))
  }
  return [...groups]
}

const Row = ({ model, place }) => {
  const current = model.current === place
  return html`
    <li>
      <a href=${addressOf(place.route)} aria-current=${current ? 'page' : undefined} class=${place.unread ? 'unread' : ''}>
        ${place.kind === 'room' && html`<span class="hash" aria-hidden="true">#</span>`}
        <span class="grow">${place.name}</span>
        ${place.thread.live && html`<span class="busy" aria-hidden="true"></span>`}
        ${place.unread > 0 && html`<span class="count"><span aria-hidden="true">${place.unread > 99 ? '99+' : place.unread}</span><span class="unseen">${t.sidebar.unread(place.unread)}</span></span>`}
      </a>
    </li>
  `
}

/** A chat in whose messages something was found. Its snippets are HTML of the server's. */
const Hit = ({ hit }) => {
  const element = useRef(null)
  useEffect(() => {
    element.current.replaceChildren(safe(hit.matches[0].snippet))
  }, [hit])
  return html`
    <li><a class="hit" href=${addressOf({ view: 'conversation', id: hit.session_id })}><span class="grow"><strong>${hit.title}</strong><small ref=${element}></small></span></a></li>
  `
}
