// The files that go with the message that is being written, and how far each has come.
import { html } from '../html.js'
import { Icon } from '../icons.js'
import { t } from '../strings.js'
import { IconButton } from './parts.js'

export { Tray } from '../state/tray.js'

/** How an upload stands, in words. */
function words({ upload }) {
  const { upload: say } = t
  if (!upload) return say.queued
  switch (upload.state) {
    case 'uploading':
      return say.percent(percent(upload))
    case 'failed':
      return t.problem(upload.problem)
    default:
      return say.states[upload.state]
  }
}

const percent = upload => Math.floor((100 * upload.sent) / (upload.size || 1))

const Item = ({ tray, item, remove }) => {
  const { file, upload } = item
  const state = upload?.state ?? 'queued'
  const pause = ['pause', t.upload.pause, () => upload.pause()]
  // One button for all of them, so that it keeps the focus.
  const action = {
    waiting: pause,
    uploading: pause,
    paused: ['play', t.upload.resume, () => upload.resume()],
    failed: ['again', t.upload.again, () => tray.again(item)],
  }[state]
  const under = ['queued', 'waiting', 'uploading', 'paused'].includes(state)
  return html`
    <li class=${`upload ${state}`}>
      <${Icon} name=${state === 'done' ? 'done' : state === 'failed' ? 'warn' : 'file'} />
      <span class="about"><span class="name">${file.name}</span> <small>${t.upload.size(file.size)} · ${words(item)}</small></span>
      ${under && html`<progress max="100" value=${upload ? percent(upload) : 0} aria-label=${t.upload.progress(file.name, upload ? percent(upload) : 0)}></progress>`}
      ${action && html`<${IconButton} icon=${action[0]} label=${action[1](file.name)} onClick=${action[2]} />`}
      <${IconButton} icon="close" label=${t.upload.cancel(file.name)} onClick=${remove} />
    </li>
  `
}

/** Props: `tray`, and `onLeft`: the focus goes elsewhere, since a file was taken out with its button. */
export const TrayView = ({ tray, onLeft }) => html`
  <ul class="uploads" aria-label=${t.upload.label}>
    ${tray.items.map(item => html`<${Item} key=${item.key} tray=${tray} item=${item} remove=${() => (tray.remove(item), onLeft())} />`)}
  </ul>
  ${tray.held && html`<p class="held">${t.upload.held}</p>`}
`
