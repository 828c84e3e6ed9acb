// The whole story of somebody new: from an account to a conversation that was changed, found, exported and left.
// Reads PARLOR_OUTBOX too: where the server's mail is.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { composer, inBrowser, newChat, say, shoot, until, url } from './harness.mjs'

const { PARLOR_OUTBOX: outbox } = process.env
/** What the first visit may load, compressed, in bytes. */
const FIRST_LOAD = 150_000

/** The code of the newest mail, once there are so many. */
async function code(mails) {
  let found
  await until(`${mails} mails`, () => {
    const names = existsSync(outbox) ? readdirSync(outbox).filter(name => name.endsWith('.eml')).sort() : []
    found = names.length >= mails && readFileSync(`${outbox}/${names.at(-1)}`, 'utf8').match(/^ +(\d{6})\s*$/m)
    return found
  })
  return found[1]
}

await inBrowser(async ({ person }) => {
  const began = Date.now()
  const page = await person({ expected: ['status of 401'] }) // a wrong password, on purpose
  let loaded = 0
  page.on('response', async response => {
    const sizes = await response.request().sizes().catch(() => null)
    loaded += (sizes?.responseBodySize ?? 0) + (sizes?.responseHeadersSize ?? 0)
  })
  await page.goto(url)
  await page.getByRole('button', { name: 'Create one' }).click()
  const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime)
  const interactive = await page.evaluate(() => performance.now())
  console.log(`the first visit loads ${loaded} bytes; painted after ${Math.round(paint)} ms, used after ${Math.round(interactive)} ms`)

  // An account.
  await page.getByLabel('Email').fill('ann@example.org')
  await page.getByLabel('Password').fill('correct horse')
  await page.getByLabel('Name').fill('Ann')
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByLabel('Code').fill(await code(1))
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('heading', { name: 'Hello, Ann.' }).waitFor()
  // What comes from a folder comes as it is.
  assert.ok(process.env.PARLOR_ASSETS || (loaded > 20_000 && loaded < FIRST_LOAD), `the first visit loads ${loaded} bytes`)

  // A question, and what is done with its reply.
  await say(page, 'count to 3')
  await page.locator('.reply .figures').getByText('parlor-demo').waitFor()
  assert.match(await page.locator('.reply').innerText(), /1.*2.*3/s)
  assert.match(await page.locator('.reply .figures').innerText(), /parlor-demo · \d+ tokens · free · [\d.]+ s/)
  await page.getByRole('button', { name: 'Another reply' }).click()
  await page.getByRole('group', { name: 'Reply 2 of 2' }).waitFor()
  await page.getByRole('button', { name: 'Previous reply' }).click()
  await page.getByRole('group', { name: 'Reply 1 of 2' }).waitFor()
  assert.equal(await page.locator('.reply').count(), 1, 'one of the alternatives is shown')

  // Editing asks again.
  await composer(page).press('ArrowUp')
  await page.locator('.editor textarea').fill('echo:\n\n## Boats\n\n```js\nconst sail = true\n```')
  await page.getByRole('button', { name: 'Save and ask again' }).click()
  await page.getByRole('heading', { name: 'Boats' }).last().waitFor()
  await page.locator('.reply .hljs-keyword').first().waitFor()
  await page.locator('.said').getByText('edited').waitFor()
  await page.locator('.reply').getByRole('button', { name: 'Copy' }).first().click()
  await until('it is copied', async () => (await page.evaluate(() => navigator.clipboard.readText())) === 'const sail = true\n')

  // A reply is stopped, and keeps what it said.
  await say(page, 'long rivers')
  await page.getByText('3 of 100, about rivers').waitFor()
  await page.getByRole('button', { name: 'Stop the reply' }).click()
  await page.getByText('Stopped.').waitFor()
  assert.match(await page.locator('.reply').last().innerText(), /1 of 100/)

  // It is said once to who listens, and is in no live region while it streams.
  assert.match(await page.locator('#announcer').innerText(), /The assistant is replying/)
  assert.equal(await page.locator('.list [aria-live]').count(), 0)

  // It is found again.
  await newChat(page)
  await say(page, 'echo something else')
  await page.locator('.reply .figures').getByText('parlor-demo').waitFor()
  await page.keyboard.press('Control+k')
  await page.keyboard.type('rivers')
  await page.getByRole('link', { name: /rivers/ }).click()
  await page.locator('.said').getByText('long rivers').waitFor()
  await page.getByLabel('Search').fill('')

  // It is exported.
  await page.getByRole('button', { name: 'More', exact: true }).click()
  const download = page.waitForEvent('download')
  await page.getByRole('menuitem', { name: 'Export as MD' }).click()
  assert.match(readFileSync(await (await download).path(), 'utf8'), /about rivers/)

  // What it looks like, and what one is called.
  await page.getByRole('button', { name: 'Account' }).click()
  await page.getByLabel('Your name').fill('Annabel')
  await page.getByText('Dark', { exact: true }).click()
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), 'dark')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.locator('.me').getByText('Annabel').waitFor()
  await shoot(page, 'account')

  // Out and in again; all of it is there.
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByLabel('Email').fill('ann@example.org')
  await page.getByLabel('Password').fill('wrong horse')
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByText('The address or the password is wrong.').waitFor()
  await page.getByLabel('Password').fill('correct horse')
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByLabel('Code').fill(await code(2))
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('link', { name: 'echo something else' }).waitFor()

  // A chat is deleted, and brought back.
  await page.getByRole('link', { name: 'echo something else' }).click()
  await page.getByRole('button', { name: 'More', exact: true }).click()
  await page.getByRole('menuitem', { name: 'Delete the chat' }).click()
  await page.getByRole('button', { name: 'Delete the chat' }).click()
  await page.getByRole('button', { name: 'Undo' }).click()
  await page.locator('.reply').getByText('something else').waitFor()
  console.log(`the whole story took ${((Date.now() - began) / 1_000).toFixed(1)} s`)
})
