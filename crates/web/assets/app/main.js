// The beginning: who is here, and what they see.
import { Session } from '../parlor-client/index.js'
import { html, render } from './html.js'
import { Deeds } from './state/deeds.js'
import { t } from './strings.js'
import { App } from './views/app.js'
import { SignIn } from './views/signin.js'

const root = document.getElementById('app')
const session = new Session()
/** @type {Deeds | undefined} */
let model
let config

async function begin(notice) {
  model?.end()
  model = undefined
  render(null, root)
  root.replaceChildren()
  if (session.user) return enter()
  config ??= await fetch('/api/v1/config').then(answer => answer.json()).catch(() => undefined)
  if (!config) addEventListener('online', () => begin(notice), { once: true })
  document.title = t.name
  render(html`<${SignIn} session=${session} config=${config ?? {}} notice=${config ? notice : t.problems.UNREACHABLE} onSignedIn=${() => (render(null, root), enter())} />`, root)
}

function enter() {
  model = new Deeds(session, config)
  model.onSignedOut = () => {
    session.forget()
    leave(t.signIn.ended)
  }
  model.signOut = async () => {
    model.client.close()
    await session.signOut().catch(() => {})
    leave()
  }
  root.replaceChildren()
  render(html`<${App} model=${model} />`, root)
  model.start()
}

function leave(notice) {
  render(null, root)
  history.replaceState(null, '', '/')
  begin(notice)
}

// Another tab signed in or out.
addEventListener('storage', event => event.key === 'parlor-session' && !event.newValue !== !event.oldValue && location.reload())

begin()
