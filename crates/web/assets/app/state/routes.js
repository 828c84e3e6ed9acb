// Where the reader is, in the part of the address behind `#`.

/** @returns {{ view: 'new' | 'conversation' | 'room' | 'list', id?: string }} */
export function readRoute() {
  const [, kind, id] = location.hash.match(/^#\/(c|r|new|list)(?:\/(.+))?$/) ?? []
  if (kind === 'c' && id) return { view: 'conversation', id: decodeURIComponent(id) }
  if (kind === 'r' && id) return { view: 'room', id: decodeURIComponent(id) }
  return { view: kind === 'list' ? 'list' : 'new' }
}

/** @param {{ view: string, id?: string }} route */
export function addressOf({ view, id = '' }) {
  const letters = { conversation: 'c', room: 'r' }
  return letters[view] ? `#/${letters[view]}/${encodeURIComponent(id)}` : `#/${view}`
}
