// A reply in the middle of which the server is killed: the page comes back by itself, shows all that was said, and what was
// written meanwhile arrives once.

import assert from 'node:assert/strict'
import { comeAsGuest, composer, handOver, inBrowser, say, until } from './harness.mjs'

await inBrowser(async ({ person }) => {
  const page = await person({ expected: ['ERR_CONNECTION_REFUSED', 'WebSocket connection to', 'ERR_CONNECTION_RESET'] })
  // A busy page hears only after the server's answer that it has gone to the new chat.
  await page.addInitScript(() => {
    const listen = globalThis.addEventListener
    globalThis.addEventListener = (type, heard, ...more) =>
      listen(type, type === 'hashchange' ? event => setTimeout(heard, 1_000, event) : heard, ...more)
  })
  await comeAsGuest(page)
  await say(page, 'slow boats')
  await page.getByText('3 of 20, about boats').waitFor()
  await handOver('kill it')
  await page.getByText('You are offline.').waitFor()
  await say(page, 'echo said while nobody was there')
  await page.locator('.waiting').getByText('said while nobody was there').waitFor()
  // It outlives the page, which cannot be loaded now: another one of the same storage finds it.
  assert.equal(await page.evaluate(() => Object.keys(localStorage).filter(key => key.startsWith('parlor-outbox:')).length), 1)
  await handOver('start it again')

  // What was made of the reply until then is there, and says how it ended.
  await page.getByText('This reply was interrupted.').waitFor()
  assert.match(await page.locator('.reply').first().innerText(), /1 of 20, about boats/)
  // What was written meanwhile has arrived, and is answered.
  await page.locator('.reply').nth(1).getByText('said while nobody was there').waitFor()
  await until('nothing waits', async () => (await page.locator('.waiting').count()) === 0)
  assert.equal(await page.locator('.said').count(), 2)
  assert.equal(await page.getByText('You are offline.').count(), 0)

  // A connection that is lost alone, in the middle of a reply: the reply goes on without it, and all of it is shown.
  await say(page, 'count to 200')
  await page.locator('.reply').nth(2).getByText('20').first().waitFor()
  await handOver('cut it')
  await page.locator('.reply').nth(2).locator('.figures').getByText('parlor-demo').waitFor()
  const counted = (await page.locator('.reply').nth(2).locator('.markdown').innerText()).match(/\d+/g).map(Number)
  assert.deepEqual(counted, Array.from({ length: 200 }, (_, at) => at + 1))

  // After a reload, all of it is as it was.
  await page.reload()
  await composer(page).waitFor()
  await page.locator('.reply').nth(2).waitFor()
  assert.equal(await page.locator('.said').count(), 3)
})
