// Where messages are written.
import { html, useEffect, useLayoutEffect, useRef, useState } from '../html.js'
import { Icon } from '../icons.js'
import { t } from '../strings.js'
import { IconButton } from './parts.js'

/** The longest message, in bytes. */
const LONGEST = 64 * 1024

/** What was written and not sent, by place. */
const drafts = new Map()

export const Composer = ({ model, place }) => {
  const field = useRef(null)
  const key = place?.room ?? place?.id ?? ''
  const [text, setText] = useState(drafts.get(key) ?? '')
  useEffect(() => {
    setText(drafts.get(key) ?? '')
    // A keyboard on the glass would cover what was just opened.
    if (matchMedia('(hover: hover)').matches) field.current.focus()
  }, [key])
  useLayoutEffect(() => {
    field.current.style.height = 'auto'
    field.current.style.height = `${Math.min(field.current.scrollHeight, innerHeight * 0.4)}px`
  }, [text])
  useEffect(() => {
    model.suggest = words => (write(words), field.current.focus())
  })
  const write = words => {
    setText(words)
    drafts.set(key, words)
  }
  const live = place?.thread.live
  const tooLong = text.length * 3 > LONGEST && new TextEncoder().encode(text).length > LONGEST
  const ready = text.trim() && !tooLong
  const send = event => {
    event?.preventDefault()
    if (!ready) return
    model.say(place, text.trim(), model.choice(place))
    drafts.delete(key)
    setText('')
    field.current.focus()
  }
  const onKeyDown = event => {
    if (event.isComposing) return
    if (event.key === 'Enter' && !event.shiftKey) send(event)
    else if (event.key === 'Escape' && live) model.stop(place)
    else if (event.key === 'ArrowUp' && !text) editLast(event)
  }
  const editLast = event => {
    const mine = place?.thread.items.filter(it => it.kind === 'message' && it.value.user_id === model.session.user.id)
    if (!mine?.length) return
    event.preventDefault()
    model.editing = mine.at(-1).key
    model.changed()
  }
  const hint = place?.isShared ? t.composer.inRoom(place.name) : t.composer.placeholder
  return html`
    <form class="composer" onSubmit=${send}>
      ${tooLong && html`<p class="problem" role="alert">${t.composer.tooLong}</p>`}
      <div class="paper">
        ${/* Attachments would stand before the field, with the button for them first in the line below. */ null}
        <div class="line">
          <textarea id="composer" ref=${field} rows="1" value=${text} placeholder=${hint} aria-label=${t.composer.label} enterkeyhint="send"
            onInput=${event => (write(event.target.value), event.target.value && model.typing(place))} onKeyDown=${onKeyDown}></textarea>
          ${live && !text.trim()
            ? html`<${IconButton} icon="stop" label=${t.composer.stop} class="round" onClick=${() => model.stop(place)} />`
            : html`<button class="icon-button round primary" aria-label=${t.composer.send} title=${t.composer.send} disabled=${!ready}><${Icon} name="send" /></button>`}
        </div>
      </div>
    </form>
  `
}
