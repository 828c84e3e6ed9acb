// Where the reader is, in the part of the address behind `#`.

/** @returns {{ view: 'new' | 'conversation' | 'room' | 'list', id?: string }} */
export function readRoute() {
  const [, kind, id] = location.hash.match(/^#\/(c|r|new|list)(?:\/(.+))?$/) ?? []
  const views = { c: 'conversation', r: 'room' }
  try {
    if (id && views[kind]) return { view: views[kind], id: decodeURIComponent(id) }
  } catch {
    // No address of ours.
  }
  return { view: kind === 'list' ? 'list' : 'new' }
}

/** @param {{ view: string, id?: string }} route */
export function addressOf({ view, id = '' }) {
  const letters = { conversation: 'c', room: 'r' }
  return letters[view] ? `#/${letters[view]}/${encodeURIComponent(id)}` : `#/${view}`
}
