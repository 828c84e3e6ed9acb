// One message: of a person, a reply, a reply that is being made, or one of ours that waits.
import { html, useLayoutEffect, useRef, useState } from '../html.js'
import { copy as copyText } from '../clipboard.js'
import { Icon } from '../icons.js'
import { announce } from '../live.js'
import { highlightIn } from '../markdown/highlight.js'
import { render } from '../markdown/render.js'
import { GrowingMarkdown } from '../markdown/stream.js'
import { t } from '../strings.js'
import { Attachments } from './attachments.js'
import { Citations } from './citations.js'
import { Avatar, IconButton, Menu } from './parts.js'

const EMOJI = ['👍', '❤️', '😄', '🎉', '👀', '🙏']

/** A text that does not grow any more. */
const Markdown = ({ text }) => {
  const element = useRef(null)
  useLayoutEffect(() => {
    element.current.replaceChildren(render(text))
    highlightIn(element.current)
  }, [text])
  return html`<div class="markdown" ref=${element}></div>`
}

/** A text that grows: it is told its pieces past the views, which have nothing else to do with each of them. */
const Growing = ({ model, stream, spoken }) => {
  const element = useRef(null)
  useLayoutEffect(() => {
    const growing = new GrowingMarkdown(element.current, words => spoken && announce(words))
    let text = stream.text
    let frame = 0
    const paint = () => {
      frame = 0
      growing.show(text)
    }
    const stop = model.client.on('stream', piece => {
      if (piece.message_id !== stream.message_id) return
      text = piece.text
      // One frame shows all the pieces that came before it.
      frame ||= requestAnimationFrame(paint)
    })
    paint()
    return () => {
      stop()
      cancelAnimationFrame(frame)
      growing.show(model.find(stream.conversation_id)?.thread.messages.get(stream.message_id)?.content ?? text)
      growing.end()
      if (spoken) announce(t.announce.done)
    }
  }, [stream.message_id])
  return html`
    <div class="markdown growing" ref=${element} aria-busy="true"></div>
    <p class="thinking"><span></span><span></span><span></span><em class="unseen">${t.message.thinking}</em></p>
  `
}

/** Which of several replies this is, and the way to the others. */
const Alternatives = ({ model, place, item }) => {
  const { replies, value } = item
  if (!replies || replies.length < 2) return null
  const at = replies.indexOf(value.message_id)
  const go = to => () => model.choose(place, value.in_reply_to, replies[to])
  return html`
    <span class="alternatives" role="group" aria-label=${t.message.alternative(at + 1, replies.length)}>
      <${IconButton} icon="left" label=${t.message.previous} disabled=${at === 0} onClick=${go(at - 1)} />
      <span aria-hidden="true">${at + 1}/${replies.length}</span>
      <${IconButton} icon="right" label=${t.message.next} disabled=${at === replies.length - 1} onClick=${go(at + 1)} />
    </span>
  `
}

/** What a reply took. */
const figures = ({ model_used, tokens_used, cost_usd, response_time }) =>
  [
    model_used,
    tokens_used ? t.tokens(tokens_used) : null,
    cost_usd == null ? null : t.cost(cost_usd),
    response_time ? t.seconds(response_time) : null,
  ].filter(Boolean).join(' · ')

const ENDINGS = { stopped: t.message.stopped, failed: t.message.failed, interrupted: t.message.interrupted }

const CopyButton = ({ text }) => {
  const [done, setDone] = useState(false)
  const copy = async () => {
    await copyText(text)
    setDone(true)
    announce(t.message.copied)
    setTimeout(() => setDone(false), 1_500)
  }
  return html`<${IconButton} icon=${done ? 'done' : 'copy'} label=${done ? t.message.copied : t.message.copy} onClick=${copy} />`
}

export const Reply = ({ model, place, item }) => {
  const { value, kind } = item
  const live = kind === 'stream'
  return html`
    <div class="reply">
      <p class=${place.isShared ? 'who' : 'unseen'}><strong>${t.thread.assistant}</strong></p>
      ${live
        ? html`<${Growing} model=${model} stream=${{ ...value, conversation_id: place.id }} spoken=${model.current === place} />`
        : value.deleted ? html`<p class="gone">${t.thread.deleted}</p>` : html`<${Markdown} text=${value.content} />`}
      ${!live && ENDINGS[value.status] && html`<p class=${`ending ${value.status}`} role=${value.status === 'failed' ? 'alert' : undefined}><${Icon} name=${value.status === 'stopped' ? 'stop' : 'warn'} />${ENDINGS[value.status]}</p>`}
      <${Citations} message=${value} model=${model} />
      <${Reactions} model=${model} message=${value} />
      <div class="below">
        <${Alternatives} model=${model} place=${place} item=${item} />
        ${live
          ? html`<button type="button" class="quiet" onClick=${() => model.stop(place)}><${Icon} name="stop" />${t.message.stop}</button>`
          : html`
            <span class="actions">
              <${CopyButton} text=${value.content} />
              <${IconButton} icon="again" label=${t.message.regenerate} onClick=${() => model.regenerate(place, value.message_id, model.choice(place))} />
              ${place.isShared && html`<${ReactButton} model=${model} message=${value} />`}
            </span>
            <span class="figures">${figures(value)}</span>`}
      </div>
    </div>
  `
}

const ReactButton = ({ model, message }) => html`
  <${Menu} label=${t.message.react} icon="smile" items=${EMOJI.map(emoji => ({ label: emoji, act: () => model.react(message, emoji) }))} />
`

const Reactions = ({ model, message }) => {
  if (!message.reactions?.length) return null
  const me = model.session.user.id
  return html`
    <div class="reactions">
      ${message.reactions.map(({ emoji, count, user_ids }) => html`
        <button type="button" key=${emoji} class=${user_ids.includes(me) ? 'mine' : ''} aria-pressed=${user_ids.includes(me)}
          aria-label=${t.message.reaction(emoji, count)} onClick=${() => model.react(message, emoji)}>${emoji} ${count}</button>
      `)}
    </div>
  `
}

/** How far a message of ours has come. */
const Mark = ({ model, place, message }) => {
  const readers = [...place.thread.readBy].filter(([, seq]) => seq >= message.seq)
  let [icon, words] = ['done', t.message.sent]
  if (readers.length) [icon, words] = ['read', place.isShared ? t.message.readBy(readers.map(([id]) => place.nameOf(id))) : t.message.read]
  else if (place.thread.deliveredTo >= message.seq) [icon, words] = ['read', t.message.delivered]
  return html`<span class=${`mark-of ${readers.length ? 'read' : ''}`} title=${words}><${Icon} name=${icon} /><span class="unseen">${words}</span></span>`
}

const Editor = ({ text, onSave, onCancel, again }) => {
  const field = useRef(null)
  useLayoutEffect(() => {
    field.current.focus()
    field.current.setSelectionRange(text.length, text.length)
  }, [])
  const save = () => field.current.value.trim() && onSave(field.current.value.trim())
  const onKeyDown = event => {
    if (event.key === 'Escape') onCancel()
    else if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) save()
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  return html`
    <div class="editor">
      <textarea ref=${field} aria-label=${t.message.edit} rows=${Math.min(12, text.split('\n').length + 1)} onKeyDown=${onKeyDown}>${text}</textarea>
      <div class="buttons">
        <button type="button" class="button" onClick=${onCancel}>${t.message.cancel}</button>
        <button type="button" class="button primary" onClick=${save}>${again ? t.message.resend : t.message.save}</button>
      </div>
    </div>
  `
}

export const Said = ({ model, place, item, onDelete }) => {
  const { value } = item
  const mine = value.user_id === model.session.user.id
  const editing = model.editing === value.message_id
  const setEditing = on => {
    model.editing = on ? value.message_id : null
    model.changed()
  }
  const name = mine ? t.thread.you : value.username ?? t.thread.somebody
  return html`
    <div class=${`said ${mine ? 'mine' : ''} ${item.sameAuthor ? 'same' : ''}`}>
      ${!mine && html`<${Avatar} name=${name} online=${place.online.has(value.user_id)} />`}
      <div class="what">
        <p class=${mine || item.sameAuthor ? 'unseen' : 'who'}><strong>${name}</strong> <time datetime=${value.timestamp}>${t.time(value.timestamp)}</time></p>
        ${editing
          ? html`<${Editor} text=${value.content} again=${!place.isShared} onCancel=${() => setEditing(false)}
              onSave=${text => (setEditing(false), model.edit(place, value.message_id, text, !place.isShared))} />`
          : html`<div class="bubble">${value.deleted ? html`<p class="gone">${t.thread.deleted}</p>` : html`<${Markdown} text=${value.content} />`}
              <${Attachments} model=${model} files=${value.attachments} /></div>`}
        <${Reactions} model=${model} message=${value} />
        ${!editing && html`
          <div class="below">
            <span class="actions">
              ${!value.deleted && html`
                <${CopyButton} text=${value.content} />
                ${place.isShared && html`<${ReactButton} model=${model} message=${value} />`}
                ${mine && html`<${IconButton} icon="edit" label=${t.message.edit} onClick=${() => setEditing(true)} />`}
                ${(mine || place.role !== 'member') && html`<${IconButton} icon="bin" label=${t.message.remove} onClick=${() => onDelete(value)} />`}
              `}
            </span>
            <span class="figures">${value.edited_at && !value.deleted ? `${t.thread.edited} · ` : ''}${mine || item.sameAuthor ? t.time(value.timestamp) : ''}</span>
            ${mine && html`<${Mark} model=${model} place=${place} message=${value} />`}
          </div>`}
      </div>
    </div>
  `
}

export const Waiting = ({ model, place, item }) => {
  const { value } = item
  const offline = model.connection.state !== 'online'
  return html`
    <div class=${`said mine waiting ${value.problem ? 'refused' : ''}`}>
      <div class="what">
        <div class="bubble"><${Markdown} text=${value.text} /><${Attachments} model=${model} files=${value.files} /></div>
        <div class="below">
          ${value.problem
            ? html`
              <span class="figures" role="alert">${t.problem(value.problem)}</span>
              <button type="button" class="quiet" onClick=${() => model.retry(place, value)}>${t.message.retry}</button>
              <button type="button" class="quiet" onClick=${() => model.discard(place, value)}>${t.message.discard}</button>`
            : html`<span class="mark-of"><${Icon} name="clock" />${offline ? t.message.waiting : html`<span class="unseen">${t.message.sending}</span>`}</span>`}
        </div>
      </div>
    </div>
  `
}
