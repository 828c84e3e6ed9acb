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
import { Thoughts } from './thoughts.js'

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
      const whole = model.find(stream.conversation_id)?.thread.messages.get(stream.message_id)
      // Who goes elsewhere in the middle of it has not heard its end.
      if (!whole) return
      growing.show(whole.content)
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
const Alternatives = ({ model, place, value, at, of }) => {
  if (of < 2) return null
  const go = to => () => model.choose(place, value.in_reply_to, place.thread.repliesTo(value.in_reply_to)[to])
  return html`
    <span class="alternatives" role="group" aria-label=${t.message.alternative(at + 1, of)}>
      <${IconButton} icon="left" label=${t.message.previous} disabled=${at === 0} onClick=${go(at - 1)} />
      <span aria-hidden="true">${at + 1}/${of}</span>
      <${IconButton} icon="right" label=${t.message.next} disabled=${at === of - 1} onClick=${go(at + 1)} />
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

export const Reply = ({ model, place, value, kind, shared, at, of, active, thoughts }) => {
  const live = kind === 'stream'
  return html`
    <div class="reply">
      <p class=${shared || value.assistant ? 'who' : 'unseen'}><strong>${value.assistant ? model.answerers.label(value.assistant) : t.thread.assistant}</strong></p>
      <${Thoughts} model=${model} thoughts=${thoughts} live=${live} />
      ${live
        ? html`<${Growing} model=${model} stream=${{ ...value, conversation_id: place.id }} spoken=${model.current === place} />`
        : value.deleted ? html`<p class="gone">${t.thread.deleted}</p>` : html`<${Markdown} text=${value.content} />`}
      ${!live && ENDINGS[value.status] && html`<p class=${`ending ${value.status}`} role=${value.status === 'failed' ? 'alert' : undefined}><${Icon} name=${value.status === 'stopped' ? 'stop' : 'warn'} />${ENDINGS[value.status]}</p>`}
      <${Citations} message=${value} model=${model} />
      <${Reactions} model=${model} message=${value} />
      <div class="below">
        <${Alternatives} model=${model} place=${place} value=${value} at=${at} of=${of} />
        ${live
          ? html`<button type="button" class="quiet" onClick=${() => model.stop(place)}><${Icon} name="stop" />${t.message.stop}</button>`
          : html`
            <span class="actions">
              <${CopyButton} text=${value.content} />
              ${active && html`
                <${IconButton} icon="again" label=${t.message.regenerate} onClick=${() => model.regenerate(place, value.message_id, model.choice(place))} />
                ${shared && html`<${ReactButton} model=${model} message=${value} />`}`}
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

/** How far a message of ours has come. @param {{ words: string }} props */
const Mark = ({ words }) => {
  const icon = words === t.message.sent ? 'done' : 'read'
  const read = words !== t.message.sent && words !== t.message.delivered
  return html`<span class=${`mark-of ${read ? 'read' : ''}`} title=${words}><${Icon} name=${icon} /><span class="unseen">${words}</span></span>`
}

/** It may be taken off the page while one scrolls: what is written is in the model. */
const Editor = ({ model, place, again }) => {
  const { editing } = model
  const { text } = editing
  const field = useRef(null)
  useLayoutEffect(() => {
    field.current.focus()
    field.current.setSelectionRange(text.length, text.length)
  }, [])
  const save = () => model.edit(place, again)
  const onKeyDown = event => {
    if (event.key === 'Escape') model.endEditing()
    else if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) save()
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  return html`
    <div class="editor">
      <textarea ref=${field} aria-label=${t.message.edit} rows=${Math.min(12, text.split('\n').length + 1)} onKeyDown=${onKeyDown}
        onInput=${event => (editing.text = event.target.value)} defaultValue=${text}></textarea>
      <div class="buttons">
        <button type="button" class="button" onClick=${() => model.endEditing()}>${t.message.cancel}</button>
        <button type="button" class="button primary" onClick=${save}>${again ? t.message.resend : t.message.save}</button>
      </div>
    </div>
  `
}

export const Said = ({ model, place, value, same, shared, editing, online, mayDelete, mark, active, onDelete }) => {
  const mine = value.user_id === model.session.user.id
  const edit = () => {
    model.editing = { id: value.message_id, text: value.content }
    model.changed()
  }
  const name = mine ? t.thread.you : value.username ?? t.thread.somebody
  return html`
    <div class=${`said ${mine ? 'mine' : ''} ${same ? 'same' : ''}`}>
      ${!mine && html`<${Avatar} name=${name} online=${online} />`}
      <div class="what">
        <p class=${mine || same ? 'unseen' : 'who'}><strong>${name}</strong> <time datetime=${value.timestamp}>${t.time(value.timestamp)}</time></p>
        ${editing
          ? html`<${Editor} model=${model} place=${place} again=${!shared} />`
          : html`<div class="bubble">${value.deleted ? html`<p class="gone">${t.thread.deleted}</p>` : html`<${Markdown} text=${value.content} />`}
              ${!value.deleted && html`<${Attachments} model=${model} files=${value.attachments} />`}</div>`}
        <${Reactions} model=${model} message=${value} />
        ${!editing && html`
          <div class="below">
            <span class="actions">
              ${!value.deleted && html`<${CopyButton} text=${value.content} />`}
              ${!value.deleted && active && html`
                ${shared && html`<${ReactButton} model=${model} message=${value} />`}
                ${mine && html`<${IconButton} icon="edit" label=${t.message.edit} onClick=${edit} />`}
                ${mayDelete && html`<${IconButton} icon="bin" label=${t.message.remove} onClick=${() => onDelete(value)} />`}
              `}
            </span>
            <span class="figures">${[value.edited_at && !value.deleted && t.thread.edited, (mine || same) && t.time(value.timestamp)].filter(Boolean).join(' · ')}</span>
            ${mine && html`<${Mark} words=${mark} />`}
          </div>`}
      </div>
    </div>
  `
}

export const Waiting = ({ model, place, value, problem, offline }) => {
  return html`
    <div class=${`said mine waiting ${problem ? 'refused' : ''}`}>
      <div class="what">
        <div class="bubble"><${Markdown} text=${value.text} /><${Attachments} model=${model} files=${value.files} /></div>
        <div class="below">
          ${problem
            ? html`
              <span class="figures" role="alert">${t.problem(problem)}</span>
              <button type="button" class="quiet" onClick=${() => model.retry(place, value)}>${t.message.retry}</button>
              <button type="button" class="quiet" onClick=${() => model.discard(place, value)}>${t.message.discard}</button>`
            : html`<span class="mark-of"><${Icon} name="clock" />${offline ? t.message.waiting : html`<span class="unseen">${t.message.sending}</span>`}</span>`}
        </div>
      </div>
    </div>
  `
}
