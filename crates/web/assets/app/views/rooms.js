// Rooms: made, found, and who is in them.
import { html, useEffect, useState } from '../html.js'
import { t } from '../strings.js'
import { Avatar, Dialog, Field, IconButton } from './parts.js'

const { room: words } = t

/** A form whose work may be refused. */
const useWork = onDone => {
  const [problem, setProblem] = useState(null)
  const [busy, setBusy] = useState(false)
  const work = async task => {
    setBusy(true)
    try {
      await task()
      onDone?.()
    } catch (error) {
      setProblem(t.problem(error))
    }
    setBusy(false)
  }
  return /** @type {const} */ ([problem && html`<p class="problem" role="alert">${problem}</p>`, work, busy])
}

const Choice = ({ name, label, options, value }) => html`
  <fieldset class="options">
    <legend>${label}</legend>
    ${options.map(([key, text]) => html`<label key=${key}><input type="radio" name=${name} value=${key} checked=${key === value} /> ${text}</label>`)}
  </fieldset>
`

export const NewRoom = ({ model, onClose }) => {
  const [problem, work, busy] = useWork(onClose)
  const onSubmit = event => {
    event.preventDefault()
    const { name, kind, aiMode } = Object.fromEntries(new FormData(event.target))
    work(() => model.createRoom({ name: String(name).trim(), kind, aiMode }))
  }
  return html`
    <${Dialog} title=${t.sidebar.newRoom} onClose=${onClose}>
      <form onSubmit=${onSubmit}>
        ${problem}
        <${Field} label=${words.name} name="name" required maxlength="80" autofocus />
        <${Choice} name="kind" label=${words.kind} value="shared" options=${['shared', 'group', 'private'].map(it => [it, words[it]])} />
        <${Choice} name="aiMode" label=${words.ai} value="mention" options=${['mention', 'always', 'off'].map(it => [it, words[it]])} />
        <div class="buttons"><button class="button primary" disabled=${busy}>${words.create}</button></div>
      </form>
    <//>
  `
}

export const BrowseRooms = ({ model, onClose }) => {
  const [rooms, setRooms] = useState(null)
  const [problem, work] = useWork()
  useEffect(() => {
    work(async () => setRooms((await model.api.rooms('shared')).rooms))
  }, [])
  const enter = room => () => {
    onClose()
    model.go({ view: 'room', id: room.room_id })
  }
  return html`
    <${Dialog} title=${words.browse} onClose=${onClose}>
      ${problem}
      ${rooms && !rooms.length && html`<p class="hint">${words.none}</p>`}
      <ul class="people">
        ${rooms?.map(room => html`
          <li key=${room.room_id}>
            <${Avatar} name=${room.room_name} small />
            <span class="grow"><strong>${room.room_name}</strong><small>${t.thread.members(room.participant_count)}${room.role ? ` · ${words.joined}` : ''}</small></span>
            <button type="button" class="button" onClick=${enter(room)}>${words.join}</button>
          </li>`)}
      </ul>
    <//>
  `
}

export const Members = ({ model, place, onClose }) => {
  const [problem, work] = useWork()
  const me = model.session.user.id
  const rules = place.type === 'group' && place.role !== 'member'
  const add = event => {
    event.preventDefault()
    const field = event.target.elements.user
    work(() => model.addMember(place, field.value.trim()).then(() => (field.value = '')))
  }
  return html`
    <${Dialog} title=${words.members} onClose=${onClose}>
      ${problem}
      <ul class="people">
        ${place.members.map(it => html`
          <li key=${it.user_id}>
            <${Avatar} name=${it.username ?? '?'} online=${place.online.has(it.user_id)} small />
            <span class="grow"><strong>${it.user_id === me ? t.thread.you : it.username ?? t.thread.somebody}</strong><small>${words.roles[it.role] ?? it.role}</small></span>
            ${place.role !== 'member' && it.user_id !== me && it.role !== 'owner' && html`
              <${IconButton} icon="close" label=${`${words.remove}: ${it.username}`} onClick=${() => work(() => model.removeMember(place, it.user_id))} />`}
          </li>`)}
      </ul>
      ${rules && html`
        <form class="inline" onSubmit=${add}>
          <${Field} label=${words.userId} name="user" required pattern="\\s*[0-9a-fA-F-]{36}\\s*" />
          <button class="button">${words.add}</button>
        </form>`}
    <//>
  `
}
