// A conversation: its head, what was said, and where the next message is written.
import { html, useRef } from '../html.js'
import { copy as copyText } from '../clipboard.js'
import { Icon } from '../icons.js'
import { announce } from '../live.js'
import { t } from '../strings.js'
import { Answerer } from './answerer.js'
import { Composer } from './composer.js'
import { WindowedList } from './list.js'
import { looks, Row } from './row.js'
import { Avatar, Confirm, IconButton, Menu, useDialog } from './parts.js'
import { Members } from './rooms.js'

export const ThreadView = ({ model, place }) => {
  const list = useRef(null)
  const [dialog, show, close] = useDialog()
  const { thread } = place
  const typers = place.typers(model.session.user.id)
  const onAtEnd = atEnd => {
    model.atEnd = atEnd
    model.markRead()
    model.changed()
  }
  // The same one each time, so that rows are not drawn again for it.
  const onDelete = useRef(message => show(() => html`
    <${Confirm} title=${t.message.remove} words=${message.content.slice(0, 200)} yes=${t.message.remove} onYes=${() => model.deleteMessage(message.message_id)} onClose=${close} />
  `))
  const row = (item, active) => html`<${Row} ...${looks(model, place, item)} active=${active} onDelete=${onDelete.current} />`
  const head = html`
    <p class="beginning">${thread.hasMore ? t.thread.loading : place.room ? t.thread.roomBeginning(place.name) : t.thread.beginning}</p>
  `
  return html`
    <section class="thread" aria-label=${t.thread.label(place.name)}>
      <${Head} model=${model} place=${place} show=${show} onClose=${close} />
      <${Banner} model=${model} />
      <${WindowedList} key=${place.room ?? place.pending ?? place.id} ref=${list} items=${thread.items} row=${row} label=${t.thread.messages} head=${head}
        onEarlier=${() => thread.loaded && thread.hasMore && !thread.loading && model.loadOlder(place)} onAtEnd=${onAtEnd} />
      <div class="over">
        <p class="typing" aria-live="off">${typers.length > 0 && t.thread.typing(typers)}</p>
        ${!model.atEnd && html`
          <button type="button" class="to-end" onClick=${() => list.current.toEnd()}><${Icon} name="down" />
            ${place.unread ? t.thread.newMessages(place.unread) : t.thread.newest}</button>`}
      </div>
      <${Composer} model=${model} place=${place} />
      ${dialog()}
    </section>
  `
}

const Head = ({ model, place, show, onClose }) => {
  const others = place.members.filter(it => it.user_id !== model.session.user.id)
  const sure = (title, words, yes, act) => show(() => html`<${Confirm} title=${title} words=${words} yes=${yes} onYes=${act} onClose=${onClose} />`)
  const { room } = t
  const items = place.room
    ? [
        { label: room.members, act: () => show(() => html`<${Members} model=${model} place=${place} onClose=${onClose} />`) },
        { label: room.copyLink, act: () => copyText(location.href) },
        ...['md', 'json'].map(form => ({ label: room.exportAs(form.toUpperCase()), act: () => model.export(place, form) })),
        { label: room.leave, act: () => sure(room.sureLeave(place.name), room.leaveWords, room.leave, () => model.leave(place)) },
        place.role === 'owner' && { label: room.deleteRoom, danger: true, act: () => sure(room.sureDelete(place.name), room.deleteRoomWords, room.deleteRoom, () => model.deletePlace(place)) },
      ]
    : [
        ...['md', 'html', 'json'].map(form => ({ label: room.exportAs(form.toUpperCase()), act: () => model.export(place, form) })),
        { label: room.deleteChat, danger: true, act: () => sure(room.sureDelete(place.name), room.deleteChatWords, room.deleteChat, () => model.deletePlace(place)) },
      ]
  return html`
    <header class="head">
      <${IconButton} icon="back" label=${t.thread.back} class="only-narrow" onClick=${() => model.go({ view: 'list' })} />
      <div class="title">
        <h1>${place.name}</h1>
        ${place.room && html`<p>${t.thread.members(place.memberCount)} · ${t.thread.online(place.online.size)}</p>`}
      </div>
      ${place.room && html`
        <div class="faces" aria-hidden="true">
          ${others.filter(it => place.online.has(it.user_id)).slice(0, 4).map(it => html`<${Avatar} key=${it.user_id} name=${it.username ?? '?'} online small />`)}
        </div>`}
      <${Answerer} model=${model} place=${place} />
      ${place.id && html`<${Menu} label=${t.thread.menu} items=${items} />`}
    </header>
  `
}

/** That there is no connection, where that lasts. */
export const Banner = ({ model }) => {
  const { state } = model.connection
  if (state === 'online' || state === 'closed') return null
  return html`<p class=${`banner ${state}`} role="status">${state === 'offline' ? t.connection.offline : t.connection.connecting}</p>`
}

/** Copies the code whose button was pressed. It stands in text that was made of Markdown, which has no handlers. */
export async function copyCode(event) {
  const button = event.target.closest?.('[data-copy]')
  const code = button?.closest('.code')?.querySelector('code')
  if (!code) return
  await copyText(code.textContent)
  button.textContent = t.message.copied
  announce(t.message.copied)
  setTimeout(() => (button.textContent = t.message.copy), 1_500)
}
