// A room as a file. The server exports chats by itself; of a room it gives what its members may read, page by page.
import { t } from '../strings.js'

const PAGE = 200

/**
 * All messages of a place that its reader may see, oldest first. Errors: those of `history`.
 *
 * @param {import('../../parlor-client/client.js').ParlorClient} client
 * @param {import('./place.js').Place} place
 */
async function everything(client, place) {
  const pages = []
  let before = {}
  for (;;) {
    const page = await client.request('history', { ...place.place, ...before, limit: PAGE })
    pages.unshift(page.messages)
    if (!page.has_more || !page.messages.length) return pages.flat()
    before = { before_seq: page.messages[0].seq }
  }
}

/** Who wrote a message, as people call them. */
const author = ({ role, assistant, username }) => (role === 'assistant' ? assistant ?? t.thread.assistant : username ?? t.thread.somebody)

const line = message =>
  `**${author(message)}**, ${message.timestamp}${message.edited_at ? ` (${t.thread.edited})` : ''}\n\n${message.deleted ? `_${t.thread.deleted}_` : message.content}\n`

/** @param {any} client @param {import('./place.js').Place} place @param {'md' | 'json'} format */
export async function exportRoom(client, place, format) {
  const messages = await everything(client, place)
  if (format === 'md') return new Blob([`# ${place.name}\n\n`, messages.map(line).join('\n')], { type: 'text/markdown' })
  const about = { room_id: place.room, room_name: place.name, exported_at: new Date().toISOString() }
  return new Blob([JSON.stringify({ ...about, messages }, null, 2)], { type: 'application/json' })
}
