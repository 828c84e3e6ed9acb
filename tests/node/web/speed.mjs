// Much to show, and much that comes: how long that holds the page up.
// Reads PARLOR_TOKEN and PARLOR_USER too: somebody who is in the room `long` with 10,000 messages. With PARLOR_PROFILE it
// says, too, where the time went.

import assert from 'node:assert/strict'
import { comeWith, composer, inBrowser, say, until, url } from './harness.mjs'
import { profiled, worked } from './profile.mjs'

const { PARLOR_TOKEN: token, PARLOR_USER: user } = process.env

/** Begins to note what holds the page up: tasks of more than 50 ms, and the time from each frame to the next. */
const watch = page => page.evaluate(() => {
  globalThis.watched?.stop()
  const watched = { tasks: [], frames: [], on: true, stop: () => (observer.disconnect(), (watched.on = false)) }
  const observer = new PerformanceObserver(list => watched.tasks.push(...list.getEntries().map(it => Math.round(it.duration))))
  observer.observe({ type: 'longtask' })
  let last
  const frame = at => {
    if (last) watched.frames.push(at - last)
    last = at
    if (watched.on) requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)
  globalThis.watched = watched
})

/** What was noted, in words. */
async function noted(page) {
  const { tasks, frames } = await page.evaluate(() => (globalThis.watched.stop(), globalThis.watched))
  const sorted = frames.toSorted((a, b) => a - b)
  const at = share => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(1)
  const late = frames.filter(it => it > 25).length
  return `${frames.length} frames, ${at(0.5)} ms in the median, ${at(0.99)} ms at the 99th percentile, ${late} late; ` +
    `${tasks.length} long tasks, the longest ${Math.max(0, ...tasks)} ms`
}

await inBrowser(async ({ person }) => {
  const page = await person()
  await comeWith(page, token, { id: user, email: 'root@example.org', username: 'root', role: 'admin' })
  await page.goto(new URL('#/r/long', url).href)
  await page.getByText('Message 10000:').waitFor()
  const list = page.locator('.list')

  // Up to the first message: each page of history that comes moves nothing that the reader looks at.
  const [from, rows] = [Date.now(), []]
  await watch(page)
  const loading = await worked(page, () => profiled(page, 'history', () => until('the first message', async () => {
    await list.evaluate(element => element.scrollTo(0, 0))
    rows.push(await page.locator('article').count())
    return (await page.getByText('Message 1:', { exact: false }).count()) > 0 && (await page.getByText('This is the beginning of').isVisible())
  })))
  console.log(`10,000 messages were loaded in ${Date.now() - from} ms (the page worked ${loading} ms): ${await noted(page)}`)
  assert.ok(Math.max(...rows) < 80, `a few rows at a time: ${Math.max(...rows)}`)

  // Down again, as fast as a wheel that is flung.
  await watch(page)
  const scrolling = await worked(page, () => profiled(page, 'scrolling', () => list.evaluate(async element => {
    for (let step = 0; step < 240; step++) {
      element.scrollBy(0, 250)
      await new Promise(requestAnimationFrame)
    }
  })))
  console.log(`they were scrolled through, 60,000 pixels (the page worked ${scrolling} ms): ${await noted(page)}`)

  // A reply of 1,000 words, 200 a second.
  await page.goto(new URL('#/new', url).href)
  await composer(page).waitFor()
  await watch(page)
  const replying = await worked(page, () => profiled(page, 'reply', async () => {
    await say(page, 'Say much.')
    await page.locator('.reply .figures').getByText('tokens').waitFor()
  }))
  console.log(`a reply of 200 words a second (the page worked ${replying} ms): ${await noted(page)}`)
  assert.match(await page.locator('.reply .markdown').innerText(), /wörd-999é/)
})
