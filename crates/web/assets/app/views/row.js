// One row of a conversation. It is drawn again only where what it shows has changed: while one scrolls, types or reads a
// reply that comes, nearly all rows stay as they are.
import { html, memo } from '../html.js'
import { t } from '../strings.js'
import { Reply, Said, Waiting } from './message.js'

/**
 * All that a row shows, as values that say by themselves whether they have changed.
 *
 * @param {any} model @param {any} place @param {any} item
 */
export function looks(model, place, item) {
  const { value, kind, replies, newDay, sameAuthor } = item
  const mine = value.user_id === model.session.user.id
  return {
    model,
    place,
    kind,
    value,
    day: newDay ? t.day(item.at ?? Date.now()) : '',
    same: sameAuthor,
    shared: place.isShared,
    at: replies ? replies.indexOf(value.message_id) : 0,
    of: replies?.length ?? 1,
    problem: value.problem,
    offline: kind === 'outgoing' && model.connection.state !== 'online',
    editing: model.editing?.id === value.message_id,
    online: place.online.has(value.user_id),
    mayDelete: mine || place.role !== 'member',
    thoughts: place.thread.thoughts.get(value.message_id),
    mark: mine ? markOf(place, value) : '',
  }
}

/** How far a message of ours has come, in words. */
function markOf(place, { seq }) {
  const readers = []
  for (const [id, read] of place.thread.readBy) if (read >= seq) readers.push(id)
  if (readers.length) return place.isShared ? t.message.readBy(readers.map(id => place.nameOf(id))) : t.message.read
  return place.thread.deliveredTo >= seq ? t.message.delivered : t.message.sent
}

export const Row = memo(props => {
  const { kind, value, day } = props
  const View = kind === 'outgoing' ? Waiting : kind === 'stream' || value.role === 'assistant' ? Reply : Said
  return html`${day && html`<h3 class="day">${day}</h3>`}<${View} ...${props} />`
})
