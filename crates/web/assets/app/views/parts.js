// Small parts of many views.
import { html, useLayoutEffect, useRef, useState } from '../html.js'
import { Icon } from '../icons.js'
import { t } from '../strings.js'

const MARK = new URL('../../favicon.svg', import.meta.url).pathname

/** A button with an icon alone, whose name is said and shown. */
export const IconButton = ({ icon, label, class: name = '', ...rest }) => html`
  <button type="button" class=${`icon-button ${name}`} aria-label=${label} title=${label} ...${rest}><${Icon} name=${icon} /></button>
`

/** The sign of the house. */
export const Mark = () => html`<img class="mark" src=${MARK} alt="" />`

const ITEM = '[role^="menuitem"]'

/** The first letters of a name on a colour of its own. */
export const Avatar = ({ name, online, small }) => {
  const letters = name.split(/[\s._-]+/).map(word => [...word][0] ?? '').slice(0, 2).join('').toUpperCase()
  const hue = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7)
  return html`
    <span class=${`avatar ${small ? 'small' : ''} ${online ? 'online' : ''}`} style=${{ '--hue': String(hue) }} aria-hidden="true">${letters}</span>
  `
}

/** The dialog that a view has open, drawn each time with it, and what shows another. @returns {[() => any, (view: () => any) => void, () => void]} */
export const useDialog = () => {
  const [view, setView] = useState(null)
  return [() => view?.(), next => setView(() => next), () => setView(null)]
}

/** A dialog over the page. Escape, and a click beside it, close it. */
export const Dialog = ({ title, onClose, children, class: name = '' }) => {
  const dialog = useRef(null)
  useLayoutEffect(() => {
    dialog.current.showModal()
  }, [])
  const outside = event => event.target === dialog.current && dialog.current.close()
  return html`
    <dialog ref=${dialog} class=${name} aria-label=${title} onClose=${onClose} onClick=${outside}>
      <div class="dialog">
        <header>
          <h2>${title}</h2>
          <${IconButton} icon="close" label=${t.close} onClick=${() => dialog.current.close()} />
        </header>
        ${children}
      </div>
    </dialog>
  `
}

/** Closes a dialog from within: the focus goes back to where it was. @param {Event & { target: Element }} event */
const closeFrom = event => event.target.closest('dialog').close()

/** A question before something that cannot be undone. */
export const Confirm = ({ title, words, yes, onYes, onClose }) => html`
  <${Dialog} title=${title} onClose=${onClose} class="narrow">
    <p>${words}</p>
    <div class="buttons">
      <button type="button" class="button" onClick=${closeFrom}>${t.room.cancel}</button>
      <button type="button" class="button danger" onClick=${event => (closeFrom(event), onYes())}>${yes}</button>
    </div>
  <//>
`

/**
 * A menu behind a button: arrows move in it, Escape and a click elsewhere close it. An item has a `label` and what it does
 * (`act`), and may have a `detail`, be one of which one is chosen (`checked`), or `danger`; a `heading` is none.
 */
export const Menu = ({ label, icon = 'more', items, children, up, class: name = '' }) => {
  const [open, setOpen] = useState(false)
  const root = useRef(null)
  useLayoutEffect(() => {
    if (!open) return
    const first = root.current.querySelector('[aria-checked="true"]') ?? root.current.querySelector(ITEM)
    first?.focus()
    const outside = event => root.current?.contains(event.target) || setOpen(false)
    document.addEventListener('pointerdown', outside)
    return () => document.removeEventListener('pointerdown', outside)
  }, [open])
  const onKeyDown = event => {
    const all = [...root.current.querySelectorAll(ITEM)]
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step && open) all.at((all.indexOf(document.activeElement) + step) % all.length)?.focus()
    else if (event.key === 'Escape' && open) {
      setOpen(false)
      root.current.querySelector('button').focus()
    } else return
    event.preventDefault()
    event.stopPropagation()
  }
  const choose = item => () => {
    setOpen(false)
    // The item goes; what opens now gives the focus back to here.
    root.current.querySelector('button').focus()
    item.act()
  }
  return html`
    <div class="menu-root" ref=${root} onKeyDown=${onKeyDown}>
      <button type="button" class=${children ? 'menu-button' : 'icon-button'} aria-haspopup="menu" aria-expanded=${open} aria-label=${label}
        title=${children ? undefined : label} onClick=${() => setOpen(!open)}>${children ?? html`<${Icon} name=${icon} />`}</button>
      ${open && html`
        <div class=${`menu ${up ? 'up' : ''} ${name}`} role="menu" aria-label=${label}>
          ${items.filter(Boolean).map(item => item.heading
            ? html`<p role="presentation">${item.heading}</p>`
            : html`
              <button type="button" role=${item.checked === undefined ? 'menuitem' : 'menuitemradio'} aria-checked=${item.checked} tabindex="-1"
                class=${item.danger ? 'danger' : ''} onClick=${choose(item)}>${item.label}${item.detail && html`<small>${item.detail}</small>`}</button>`)}
        </div>
      `}
    </div>
  `
}

/** A field with its name and, where there is one, what is said about it. */
export const Field = ({ label, hint, ...input }) => {
  const id = `field-${input.name}`
  return html`
    <div class="field">
      <label for=${id}>${label}</label>
      <input id=${id} aria-describedby=${hint ? `${id}-hint` : undefined} ...${input} />
      ${hint && html`<small id=${`${id}-hint`}>${hint}</small>`}
    </div>
  `
}
