// The page of somebody who is signed in.
import { html, useEffect, useState } from '../html.js'
import { Icon } from '../icons.js'
import { t } from '../strings.js'
import { Answerer } from './answerer.js'
import { Composer } from './composer.js'
import { Sidebar } from './sidebar.js'
import { Banner, copyCode, ThreadView } from './thread.js'

export const App = ({ model }) => {
  const [, show] = useState(0)
  useEffect(() => model.subscribe(() => show(n => n + 1)), [model])
  useEffect(() => {
    const onKeyDown = event => {
      const held = event.ctrlKey || event.metaKey
      if (held && event.key === 'k') model.search()
      else if (held && event.shiftKey && event.key.toLowerCase() === 'o') model.go({ view: 'new' })
      else return
      event.preventDefault()
    }
    document.addEventListener('keydown', onKeyDown)
    document.addEventListener('click', copyCode)
    return () => {
      document.removeEventListener('keydown', onKeyDown)
      document.removeEventListener('click', copyCode)
    }
  }, [model])
  const unread = model.places.reduce((sum, place) => sum + place.unread, 0)
  const { current } = model
  useEffect(() => {
    document.title = `${unread ? `(${unread}) ` : ''}${current ? `${current.name} · ` : ''}${t.name}`
  }, [unread, current?.name])
  return html`
    <a class="skip" href="#main" onClick=${event => (event.preventDefault(), document.getElementById('composer')?.focus())}>${t.skip}</a>
    <div class=${`app view-${model.route.view}`}>
      <${Sidebar} model=${model} />
      <main id="main">
        ${current ? html`<${ThreadView} model=${model} place=${current} />` : html`<${Empty} model=${model} />`}
      </main>
      <div class="toasts">
        ${model.toasts.map(toast => html`
          <p class="toast" key=${toast.key}>${toast.words}
            ${toast.action && html`<button type="button" onClick=${toast.action.act}>${toast.action.label}</button>`}</p>`)}
      </div>
    </div>
  `
}

/** Where a new chat begins. */
const Empty = ({ model }) => {
  const { title, words, ideas, ideaNames } = t.empty
  return html`
    <section class="empty" aria-label=${t.thread.untitled}>
      <header class="head">
        <a class="icon-button only-narrow" href="#/list" aria-label=${t.thread.back}><${Icon} name="back" /></a>
        <span class="space"></span>
        <${Answerer} model=${model} place=${null} />
      </header>
      <${Banner} model=${model} />
      <div class="greeting">
        <h1>${title(model.isGuest ? '' : model.session.user.username)}</h1>
        <p>${words}</p>
        <div class="ideas">${ideas.map((idea, at) => html`<button type="button" key=${at} class="button" onClick=${() => model.say(null, idea, model.choice(null))}>${ideaNames[at]}</button>`)}</div>
      </div>
      <${Composer} model=${model} place=${null} />
    </section>
  `
}
