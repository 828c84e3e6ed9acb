// The reader: what they are called, what they have used, how the page looks.
import { html, useState } from '../html.js'
import { t } from '../strings.js'
import { Dialog, Field } from './parts.js'

const THEME = 'parlor-theme'

export function chooseTheme(theme) {
  localStorage.setItem(THEME, theme)
  if (theme === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
}

export const Account = ({ model, onClose }) => {
  const [theme, setTheme] = useState(localStorage.getItem(THEME) ?? 'system')
  const { user } = model.session
  const choose = value => () => {
    chooseTheme(value)
    setTheme(value)
  }
  const save = event => {
    event.preventDefault()
    model.rename(String(new FormData(event.target).get('username')).trim())
  }
  return html`
    <${Dialog} title=${t.sidebar.account} onClose=${onClose}>
      <form class="inline" onSubmit=${save}>
        <${Field} label=${t.account.name} name="username" required maxlength="64" defaultValue=${user.username} />
        <button class="button">${t.account.save}</button>
      </form>
      <p class="hint">${model.isGuest ? t.account.guest : user.email}</p>
      <fieldset class="segments">
        <legend>${t.account.theme}</legend>
        ${['system', 'light', 'dark'].map(it => html`
          <label key=${it} class=${theme === it ? 'chosen' : ''}><input type="radio" name="theme" class="unseen" checked=${theme === it} onChange=${choose(it)} />${t.account[it]}</label>`)}
      </fieldset>
      ${model.me && html`<p class="hint">${t.account.usage(model.me.usage.total_tokens, model.me.usage.token_budget)}</p>`}
      <p class="hint">${t.room.yourId}: <code class="id">${user.id}</code></p>
      <details class="shortcuts"><summary>${t.account.shortcuts}</summary><dl>${t.shortcuts.map(([keys, what]) => html`<div key=${keys}><dt>${keys}</dt><dd>${what}</dd></div>`)}</dl></details>
      <div class="buttons">
        ${user.role === 'admin' && html`<a class="button" href="/admin">${t.account.admin}</a>`}
        <button type="button" class="button" onClick=${() => model.signOut()}>${t.account.signOut}</button>
      </div>
    <//>
  `
}
