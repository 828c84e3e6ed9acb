// The operators' page: what the server does now, what was used, and what was done of consequence.
import { ParlorClient, Session } from '../parlor-client/index.js'
import { html, render, useEffect, useState } from '../app/html.js'
import { t } from '../app/strings.js'
import { Audit } from './audit.js'
import { Jobs } from './jobs.js'
import { Spark } from './plots.js'
import { words } from './strings.js'
import { Usage } from './usage.js'

/** For how many looks the lines go back. */
const KEPT = 90

const session = new Session()

/**
 * Has the server tell its figures as they go, while somebody looks at the page.
 *
 * @param {(figures: any) => void} onFigures
 * @param {(state: 'live' | 'lost' | 'denied') => void} onState
 */
function watch(onFigures, onState) {
  const url = `${location.origin.replace(/^http/, 'ws')}/api/v1/ws/ws`
  const client = new ParlorClient({ url, token: again => session.token(again), replay: false })
  const begin = () => {
    if (document.hidden) return
    client.request('subscribe_live').then(
      () => onState('live'),
      problem => onState(problem.code === 'FORBIDDEN' ? 'denied' : 'lost'),
    )
  }
  const onVisibility = () => (document.hidden ? client.tell('unsubscribe_live') : begin())
  client.on('ready', begin)
  client.on('state', ({ state }) => state === 'offline' && onState('lost'))
  client.on('frame', ({ type, data }) => type === 'live' && onFigures(data))
  // What nobody asked just now: the right to look was taken away.
  client.on('problem', ({ problem }) => problem.code === 'FORBIDDEN' && onState('denied'))
  client.on('signedOut', () => onState('denied'))
  document.addEventListener('visibilitychange', onVisibility)
  client.connect()
  return () => {
    document.removeEventListener('visibilitychange', onVisibility)
    client.close()
  }
}

const Admin = () => {
  const [totals, setTotals] = useState(null)
  const [looks, setLooks] = useState([])
  const [state, setState] = useState('live')
  useEffect(() => {
    session.json('/api/v1/ws/stats').then(setTotals, () => {})
    return watch(figures => setLooks(looks => rated([...looks, { ...figures, at: performance.now() }].slice(-KEPT))), setState)
  }, [])
  if (state === 'denied') return html`<${Denied} />`
  const lost = state === 'lost'
  const now = looks.at(-1)
  return html`
    <main class="admin">
      <header>
        <img class="mark" src=${new URL('../favicon.svg', import.meta.url).pathname} alt="" />
        <h1>${words.title}</h1>
        <span class=${`live ${lost ? 'lost' : ''}`} role="status">${lost ? words.lost : words.live}</span>
        <a class="button" href="/">${words.toChat}</a>
      </header>
      <h2>${words.now}</h2>
      ${now && html`
        <dl class="tiles">
          ${Object.entries(TILES).map(([name, show]) => html`
            <div class="tile" key=${name}>
              <dt>${words.tiles[name]}</dt><dd>${show(now[name])}</dd>
              ${name !== 'uptime' && html`<${Spark} values=${looks.map(look => look[name])} />`}
            </div>`)}
        </dl>`}
      <h2>${words.inAll}</h2>
      ${totals && html`<dl class="tiles">${Object.entries(words.totals).map(([name, label]) => html`<div class="tile" key=${name}><dt>${label}</dt><dd>${t.number(totals[name])}</dd></div>`)}</dl>`}
      <h2>${words.backends}</h2>
      <${Backends} backends=${now?.backends ?? []} />
      <${Usage} session=${session} />
      <${Jobs} session=${session} />
      <${Audit} session=${session} />
    </main>
  `
}

/** The figures that are shown, and how. */
const TILES = {
  connections: t.number,
  users: t.number,
  rate: n => n.toFixed(1),
  turns: t.number,
  queue_turns: t.number,
  conversations_live: t.number,
  sent: words.bytes,
  uptime: words.uptime,
}

/** Figures a second, from what was counted since the look before. */
function rated(looks) {
  const [before, now] = [looks.at(-2) ?? looks.at(-1), looks.at(-1)]
  const seconds = Math.max(0.5, (now.at - before.at) / 1_000)
  // A server that began anew counts from 0.
  const since = name => Math.max(0, now[name] - before[name]) / seconds
  Object.assign(now, { rate: since('messages'), sent: since('bytes_sent') })
  return looks
}

const Backends = ({ backends }) => html`
  <div class="panel" tabindex="0" role="region" aria-label=${words.backends}>
    ${backends.length === 0 ? html`<p>${words.noBackends}</p>` : html`
      <table>
        <thead><tr>${['name', 'kind', 'turns', 'state'].map(it => html`<th key=${it} scope="col" class=${it === 'turns' ? 'number' : ''}>${words.backend[it]}</th>`)}</tr></thead>
        <tbody>
          ${backends.map(({ name, kind, turns, takes_turns }) => html`
            <tr key=${`${kind} ${name}`}>
              <td>${name}</td><td>${words[kind]}</td><td class="number">${t.number(turns)}</td>
              <td><span class=${`state ${takes_turns ? '' : 'off'}`}>${takes_turns ? words.backend.on : words.backend.off}</span></td>
            </tr>`)}
        </tbody>
      </table>`}
  </div>
`

const Denied = () => html`
  <main class="denied"><h1>${words.denied}</h1><p class="hint">${words.deniedHint}</p><a class="button primary" href="/">${words.toChat}</a></main>
`

function begin() {
  document.title = `${t.name}: ${words.title}`
  const root = document.getElementById('app')
  root.replaceChildren()
  render(session.user?.role === 'admin' ? html`<${Admin} />` : html`<${Denied} />`, root)
}

begin()
