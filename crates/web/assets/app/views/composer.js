// Where messages are written.
import { html, useEffect, useLayoutEffect, useRef, useState } from '../html.js'
import { Icon } from '../icons.js'
import { t } from '../strings.js'
import { IconButton } from './parts.js'

/** The longest message, in bytes. */
const LONGEST = 64 * 1024

/** The view of files, once somebody wanted to send one. */
let uploads = null

/** Calls `attach` with what is dropped on the page; says whether files are held over it. */
function useDrop(attach) {
  const [over, setOver] = useState(false)
  const latest = useRef(attach)
  latest.current = attach
  useEffect(() => {
    const carries = event => event.dataTransfer?.types.includes('Files') && !document.querySelector('dialog[open]')
    const onOver = event => carries(event) && (event.preventDefault(), setOver(true))
    const onLeave = event => event.relatedTarget || setOver(false)
    const onDrop = event => {
      setOver(false)
      if (!carries(event)) return
      event.preventDefault()
      latest.current(event.dataTransfer.files)
    }
    const all = Object.entries({ dragover: onOver, dragleave: onLeave, drop: onDrop })
    for (const [name, listener] of all) document.addEventListener(name, listener)
    return () => all.forEach(([name, listener]) => document.removeEventListener(name, listener))
  }, [])
  return over
}

export const Composer = ({ model, place }) => {
  const field = useRef(null)
  const picker = useRef(null)
  const key = place?.room ?? place?.pending ?? place?.id ?? ''
  const [, draw] = useState(0)
  const { drafts, trays } = model
  const text = drafts.get(key) ?? ''
  const tray = trays.get(key)
  const files = tray?.items ?? []
  // A keyboard on the glass would cover what was just opened.
  const focus = () => matchMedia('(hover: hover)').matches && field.current?.focus()
  useEffect(() => void focus(), [key])
  useLayoutEffect(() => {
    field.current.style.height = 'auto'
    field.current.style.height = `${Math.min(field.current.scrollHeight, innerHeight * 0.4)}px`
  }, [text])
  useEffect(() => {
    model.suggest = words => (write(words), field.current.focus())
  })
  const write = words => {
    drafts.set(key, words)
    draw(n => n + 1)
  }
  const attach = async chosen => {
    // The browser empties it once it goes on.
    const taken = [...chosen]
    try {
      uploads ??= await import('./tray.js')
    } catch {
      return model.toast(t.problems.UNREACHABLE)
    }
    if (!trays.has(key)) trays.set(key, new uploads.Tray(model))
    trays.get(key).add(taken)
    draw(n => n + 1)
    focus()
  }
  const over = useDrop(attach)
  const live = place?.thread.live
  const tooLong = text.length * 3 > LONGEST && new TextEncoder().encode(text).length > LONGEST
  const ready = (text.trim() || files.length) && !tooLong && !tray?.held
  const say = sent => {
    // As it is now: the view may be older than a second press of Enter.
    const words = drafts.get(key)?.trim() || t.upload.only(sent.map(it => it.name))
    if (!words) return
    drafts.delete(key)
    draw(n => n + 1)
    model.say(place, words, model.choice(place), sent)
  }
  const send = event => {
    event?.preventDefault()
    if (!ready) return
    if (files.length) tray.send(say)
    else say([])
    field.current.focus()
  }
  const onKeyDown = event => {
    if (event.isComposing) return
    if (event.key === 'Enter' && !event.shiftKey) send(event)
    else if (event.key === 'Escape' && live) model.stop(place)
    else if (event.key === 'ArrowUp' && !text) editLast(event)
  }
  const onPaste = event => {
    const { files: pasted, types } = event.clipboardData
    // Programs that copy words put a picture of them beside them.
    if (!pasted.length || types.includes('text/plain')) return
    event.preventDefault()
    attach(pasted)
  }
  const editLast = event => {
    const mine = place?.thread.items.filter(it => it.kind === 'message' && it.value.user_id === model.session.user.id)
    if (!mine?.length) return
    event.preventDefault()
    model.editing = { id: mine.at(-1).key, text: mine.at(-1).value.content }
    model.changed()
  }
  const hint = place?.isShared ? t.composer.inRoom(place.name) : t.composer.placeholder
  return html`
    <form class="composer" onSubmit=${send}>
      ${tooLong && html`<p class="problem" role="alert">${t.composer.tooLong}</p>`}
      <div class=${`paper ${over ? 'over-it' : ''}`}>
        ${files.length > 0 && html`<${uploads.TrayView} tray=${tray} onLeft=${() => field.current.focus()} />`}
        <div class="line">
          <input type="file" multiple hidden ref=${picker} onChange=${event => (attach(event.target.files), (event.target.value = ''))} />
          <${IconButton} icon="attach" label=${t.composer.attach} class="attach" disabled=${Boolean(tray?.held)} onClick=${() => picker.current.click()} />
          <textarea id="composer" ref=${field} rows="1" value=${text} placeholder=${over ? t.composer.drop : hint} aria-label=${t.composer.label} enterkeyhint="send" readonly=${Boolean(tray?.held)}
            onInput=${event => (write(event.target.value), event.target.value && model.typing(place))} onKeyDown=${onKeyDown} onPaste=${onPaste}></textarea>
          ${tray?.held
            ? html`<${IconButton} icon="close" label=${t.upload.hold} class="round" onClick=${() => tray.release()} />`
            : live && !text.trim() && !files.length
            ? html`<${IconButton} icon="stop" label=${t.composer.stop} class="round" onClick=${() => model.stop(place)} />`
            : html`<button class="icon-button round primary" aria-label=${t.composer.send} title=${t.composer.send} disabled=${!ready}><${Icon} name="send" /></button>`}
        </div>
      </div>
    </form>
  `
}
