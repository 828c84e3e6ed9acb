// Who comes: with an account, for one, or to try it.
import { html, useState } from '../html.js'
import { t } from '../strings.js'
import { Field, Mark } from './parts.js'

export const SignIn = ({ session, config, notice, onSignedIn }) => {
  const [mode, setMode] = useState('signIn')
  const [email, setEmail] = useState('')
  const [asked, setAsked] = useState(false)
  const [problem, setProblem] = useState(null)
  const [busy, setBusy] = useState(false)
  const work = async task => {
    setBusy(true)
    setProblem(null)
    try {
      await task()
    } catch (error) {
      setProblem(t.problem(error))
    } finally {
      setBusy(false)
    }
  }
  const ask = event => {
    event.preventDefault()
    const { email, password, username } = Object.fromEntries(new FormData(event.target))
    setEmail(email)
    work(async () => {
      if (mode === 'signUp') await session.signUp(email, password, username)
      else await session.signIn(email, password)
      setAsked(true)
    })
  }
  const bring = event => {
    event.preventDefault()
    const digits = String(new FormData(event.target).get('code')).trim()
    work(async () => {
      await (mode === 'signUp' ? session.verifyEmail(email, digits) : session.verifySignIn(email, digits))
      onSignedIn()
    })
  }
  const other = mode === 'signUp' ? 'signIn' : 'signUp'
  return html`
    <main class="welcome">
      <div class="card">
        <h1><${Mark} />${t.name}</h1>
        <p class="tagline">${t.tagline}</p>
        ${(problem ?? notice) && html`<p class="problem" role="alert">${problem ?? notice}</p>`}
        ${config.guests && !asked && html`
          <button type="button" class="button primary wide" disabled=${busy} onClick=${() => work(async () => (await session.guest(), onSignedIn()))}>${t.signIn.tryIt}</button>
          <p class="hint">${t.signIn.tryHint}</p>
          ${config.accounts && html`<p class="or"><span>${t.signIn.or}</span></p>`}
        `}
        ${config.accounts && !asked && html`
          <form key=${mode} onSubmit=${ask}>
            <${Field} label=${t.signIn.email} name="email" type="email" autocomplete="username" required />
            <${Field} label=${t.signIn.password} name="password" type="password" required minlength="8" maxlength="128"
              autocomplete=${mode === 'signUp' ? 'new-password' : 'current-password'} hint=${mode === 'signUp' && t.signIn.passwordHint} />
            ${mode === 'signUp' && html`<${Field} label=${t.signIn.username} name="username" autocomplete="nickname" maxlength="64" hint=${t.signIn.usernameHint} />`}
            <button class=${`button wide ${config.guests ? '' : 'primary'}`} disabled=${busy}>${t.signIn[mode]}</button>
          </form>
          <button type="button" class="link" onClick=${() => (setMode(other), setProblem(null))}>${mode === 'signUp' ? t.signIn.toSignIn : t.signIn.toSignUp}</button>
        `}
        ${asked && html`
          <form onSubmit=${bring}>
            <p>${t.signIn.codeSent(email)}</p>
            <${Field} label=${t.signIn.code} name="code" inputmode="numeric" autocomplete="one-time-code" pattern="\\s*[0-9]{6}\\s*" required autofocus hint=${config.mail === 'outbox' && t.signIn.codeHint} />
            <button class="button primary wide" disabled=${busy}>${t.signIn.verify}</button>
          </form>
          <button type="button" class="link" onClick=${() => (setAsked(false), setProblem(null))}>${t.signIn.back}</button>
        `}
      </div>
    </main>
  `
}
