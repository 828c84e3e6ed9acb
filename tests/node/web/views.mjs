// The main views, in both themes and on both screens: usable by everybody, and quick where there is much.
// Reads PARLOR_TOKEN and PARLOR_USER too: an admin, who is in the room `long` with 10,000 messages.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { comeWith, composer, desktop, inBrowser, phone, require, say, shoot, until, url } from './harness.mjs'

const { PARLOR_TOKEN: token, PARLOR_USER: user } = process.env
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')

/** What keeps people out of a view. */
async function check(page, view) {
  // The page's policy lets no script in: this one comes by the browser's own tools.
  await page.evaluate(axe + ';0')
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))
  const grave = violations.filter(it => ['serious', 'critical'].includes(it.impact))
  assert.deepEqual(grave.map(it => `${view}: ${it.id}: ${it.nodes.map(node => node.html).join(' | ').slice(0, 600)}`), [])
}

/** Begins to note what holds the page up: tasks of more than 50 ms. */
const watch = page => page.evaluate(() => {
  globalThis.long = []
  globalThis.observer?.disconnect()
  globalThis.observer = new PerformanceObserver(list => globalThis.long.push(...list.getEntries().map(it => Math.round(it.duration))))
  globalThis.observer.observe({ type: 'longtask' })
})
const noted = page => page.evaluate(() => globalThis.long)

await inBrowser(async ({ person }) => {
  const me = { id: user, email: 'root@example.org', username: 'root', role: 'admin' }
  for (const [screen, size] of Object.entries({ desktop, phone })) {
    for (const colorScheme of ['light', 'dark']) {
      const name = `${screen}-${colorScheme}`
      const visitor = await person({ ...size, colorScheme })
      await visitor.goto(url)
      await visitor.getByRole('button', { name: 'Try it now' }).waitFor()
      await check(visitor, `sign-in, ${name}`)
      await shoot(visitor, `sign-in-${name}`)
      await visitor.context().close()

      const page = await person({ ...size, colorScheme })
      await comeWith(page, token, me)
      await check(page, `new chat, ${name}`)
      await shoot(page, `new-${name}`)
      await page.goto(new URL('#/r/long', url).href)
      await page.getByText('Message 10000:').waitFor()
      await check(page, `room, ${name}`)
      await shoot(page, `room-${name}`)
      await page.getByRole('button', { name: 'More', exact: true }).click()
      await page.getByRole('menuitem', { name: 'Members' }).click()
      await check(page, `members, ${name}`)
      await page.keyboard.press('Escape')
      if (screen === 'phone') {
        await page.getByRole('button', { name: 'All conversations' }).click()
        await check(page, `list, ${name}`)
        await shoot(page, `list-${name}`)
      }
      await page.goto(new URL('admin', url).href)
      await page.getByText('Messages a second').waitFor()
      await page.getByRole('cell', { name: 'audit_read' }).first().waitFor()
      await page.waitForTimeout(500)
      await check(page, `operations, ${name}`)
      await shoot(page, `admin-${name}`)
      if (name !== 'desktop-light') await page.context().close()
      else await measure(page)
    }
  }
})

/** Much to show, and much that comes. */
async function measure(page) {
  await page.goto(new URL('#/r/long', url).href)
  await page.getByText('Message 10000:').waitFor()
  const list = page.locator('.list')
  await watch(page)
  // Up to the first message: each page of history that comes moves nothing that the reader looks at.
  const [from, rows] = [Date.now(), []]
  await until('the first message', async () => {
    await list.evaluate(element => element.scrollTo(0, 0))
    rows.push(await page.locator('article').count())
    return (await page.getByText('Message 1:', { exact: false }).count()) > 0 && (await page.getByText('This is the beginning of').isVisible())
  })
  const loading = Date.now() - from
  const loadingTasks = await noted(page)
  assert.ok(Math.max(...rows) < 80, `a few rows at a time: ${Math.max(...rows)}`)
  await watch(page)
  // Down again, as fast as a wheel that is flung.
  const frames = await list.evaluate(async element => {
    const frames = []
    let last = performance.now()
    for (let step = 0; step < 240; step++) {
      element.scrollBy(0, 250)
      await new Promise(requestAnimationFrame)
      const now = performance.now()
      frames.push(now - last)
      last = now
    }
    return frames.sort((a, b) => a - b)
  })
  console.log(`10,000 messages: loaded in ${loading} ms (${loadingTasks.length} long tasks, the longest ${Math.max(0, ...loadingTasks)} ms); scrolled 60,000 pixels in 240 frames of ${frames[120].toFixed(1)} ms (median), ${frames[236].toFixed(1)} ms (99th percentile), ${(await noted(page)).length} long tasks`)

  // A reply of 1,000 words, 200 a second.
  await page.goto(new URL('#/new', url).href)
  await composer(page).waitFor()
  await say(page, 'Say much.')
  await page.locator('.growing').getByText('word-1', { exact: false }).or(page.locator('.growing').getByText('wörd-1', { exact: false })).first().waitFor()
  await watch(page)
  await page.locator('.reply .figures').getByText('tokens').waitFor()
  const tasks = await noted(page)
  console.log(`a reply of 200 words a second: ${tasks.length} long tasks, ${tasks.reduce((sum, it) => sum + it, 0)} ms in all, the longest ${Math.max(0, ...tasks)} ms`)
  assert.match(await page.locator('.reply .markdown').innerText(), /wörd-999é/)
}
