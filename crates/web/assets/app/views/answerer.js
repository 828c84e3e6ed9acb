// Who answers here, and the choice of somebody else.
import { html } from '../html.js'
import { Icon } from '../icons.js'
import { t } from '../strings.js'
import { Menu } from './parts.js'

const { answerer: words } = t

export const Answerer = ({ model, place }) => {
  const { answerers } = model
  const room = place?.room ? place : null
  const chosen = answerers.of(place)
  // A room's own assistant may be one that only its owner sees.
  const name = room?.assistant?.displayName ?? answerers.label(chosen)
  if (room && room.role !== 'owner') {
    return room.assistant ? html`<span class="answerer" title=${words.label}><${Icon} name="spark" /><span class="grow">${name}</span></span>` : null
  }
  const models = room ? [] : answerers.models
  if (!answerers.assistants.length && !models.length && !chosen) return null
  const item = (value, label, detail) => ({ label, detail, checked: value === chosen, act: () => model.chooseAnswerer(place, value) })
  const items = [
    item('', words.automatic, room ? words.automaticRoom : words.automaticDetail),
    answerers.assistants.length > 0 && { heading: words.assistants },
    ...answerers.assistants.map(it => item(it.name, it.displayName, detailOf(it))),
    models.length > 0 && { heading: words.models },
    ...models.map(id => item(id, id)),
  ]
  return html`
    <${Menu} label=${words.button(name)} items=${items} class="answerers">
      <span class="answerer"><${Icon} name="spark" /><span class="grow">${name}</span><${Icon} name="open" /></span>
    <//>
  `
}

const detailOf = ({ name, scope, model }) => [`@${name}`, scope === 'private' ? words.own : '', model].filter(Boolean).join(' · ')
