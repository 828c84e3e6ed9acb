// What a screen reader says by itself. A reply that streams in would be read letter by letter from a live region around
// it: so it stands in none, and each of its blocks is said here once it is whole.

const KEPT = 20

/** @param {string} words */
export function announce(words) {
  const region = document.getElementById('announcer')
  const text = words.trim()
  if (!region || !text) return
  const line = document.createElement('p')
  line.textContent = text
  region.append(line)
  while (region.childElementCount > KEPT) region.firstElementChild.remove()
}
