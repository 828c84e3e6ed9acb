// What the programs of the page's tests share: a real browser, people in it, and an ear for every complaint.
//
// Reads PARLOR_URL (the server), PARLOR_TOOLS (what `tests/run` installed), CHROMIUM (the browser), PARLOR_SHOTS (where
// screenshots go) and PARLOR_ASSETS (a folder like `crates/web`, whose files go before those in the binary: for work on the
// page without building), SLOW (how many times slower than this machine the page shall be: finds tests that count on time)
// and FRAMES (shows what goes over its sockets).

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

export const { PARLOR_URL: url, PARLOR_SHOTS: shots } = process.env
export const require = createRequire(`${process.env.PARLOR_TOOLS}/node/package.json`)
const { chromium } = require('playwright-core')

/** How long what should come at once may take, in milliseconds: the machine may be busy with other tests. */
const PATIENCE = 30_000
const FLAGS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync'],
]

export const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }
export const desktop = { viewport: { width: 1280, height: 800 } }

/** Runs a test in a browser of its own; then nothing may have been complained of. */
export async function inBrowser(test) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS })
  const complaints = []
  try {
    await test({ person: options => person(browser, complaints, options), complaints })
    assert.deepEqual(complaints, [])
    console.log('all is well')
  } catch (error) {
    const pages = browser.contexts().flatMap(context => context.pages())
    for (const [at, page] of pages.entries()) await shoot(page, `failed-${at}`).catch(() => {})
    throw error
  } finally {
    await browser.close()
  }
}

/** A person with a browser window of their own. */
async function person(browser, complaints, { expected = [], ...options } = {}) {
  const context = await browser.newContext({ ...desktop, permissions: ['clipboard-read', 'clipboard-write'], ...options })
  context.setDefaultTimeout(PATIENCE)
  const page = await context.newPage()
  if (process.env.SLOW) await (await context.newCDPSession(page)).send('Emulation.setCPUThrottlingRate', { rate: Number(process.env.SLOW) })
  if (process.env.PARLOR_ASSETS) await context.route('**/assets/**', fromDisk)
  if (process.env.FRAMES) page.on('websocket', ws => { ws.on('framesent', f => console.log('>', String(f.payload).slice(0, 200))); ws.on('framereceived', f => console.log('<', String(f.payload).slice(0, 200))) })
  const complain = words => expected.some(it => words.includes(it)) || complaints.push(words)
  page.on('console', message => ['error', 'warning'].includes(message.type()) && complain(message.text()))
  page.on('pageerror', error => complain(error.stack ?? String(error)))
  page.on('dialog', dialog => (complain(`a dialog: ${dialog.message()}`), dialog.dismiss()))
  page.on('request', request => {
    const { origin, protocol } = new URL(request.url())
    if (origin !== new URL(url).origin && !['blob:', 'data:'].includes(protocol)) complain(`asked ${request.url()}`)
  })
  return page
}

/** What a page loads, as it stands in the folder. */
function fromDisk(route) {
  const name = new URL(route.request().url()).pathname.split('/').slice(3).join('/')
  const path = `${process.env.PARLOR_ASSETS}/${name.startsWith('vendor/') ? name : `assets/${name}`}`
  return existsSync(path) ? route.fulfill({ path, contentType: path.endsWith('.mjs') ? 'text/javascript' : undefined }) : route.continue()
}

/** Comes as a guest. */
export async function comeAsGuest(page) {
  await page.goto(url)
  await page.getByRole('button', { name: 'Try it now' }).click()
  await composer(page).waitFor()
}

/** Comes with an account that has its tokens already. */
export async function comeWith(page, token, user) {
  const session = { access_token: token, refresh_token: 'none', expires_at: Date.now() + 3_000_000, user }
  await page.addInitScript(text => localStorage.setItem('parlor-session', text), JSON.stringify(session))
  await page.goto(url)
  await composer(page).waitFor()
}

/** Says what they are called. */
export async function called(page, name) {
  await page.getByRole('button', { name: 'Account' }).click()
  await page.getByLabel('Your name').fill(name)
  await page.getByRole('button', { name: 'Save' }).click()
  await page.locator('.me').getByText(name).waitFor()
  await page.getByRole('button', { name: 'Close' }).click()
}

/** Makes a room, and is in it. */
export async function makeRoom(page, name) {
  await page.getByRole('button', { name: 'New room' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill(name)
  await page.getByRole('button', { name: 'Create room' }).click()
  await page.getByRole('heading', { name }).waitFor()
}

/** Finds a room that somebody made, and enters it. */
export async function enterRoom(page, name) {
  await page.getByRole('button', { name: 'Browse rooms' }).click()
  await page.getByRole('listitem').filter({ hasText: name }).getByRole('button', { name: 'Enter' }).click()
  await page.getByRole('heading', { name }).waitFor()
}

/** Goes to where a new chat begins. */
export async function newChat(page) {
  await page.getByRole('button', { name: 'New chat' }).click()
  // What is typed before the view changes is the draft of the view before.
  await page.locator('.greeting').waitFor()
}

export const composer = page => page.getByLabel('Message', { exact: true })

export async function say(page, text) {
  await composer(page).fill(text)
  await composer(page).press('Enter')
}

/** Waits until something holds. */
export async function until(what, holds) {
  const end = Date.now() + PATIENCE
  while (!(await holds())) {
    assert.ok(Date.now() < end, `it never came to be: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** A picture for people to look at. */
export async function shoot(page, name) {
  mkdirSync(shots, { recursive: true })
  await page.screenshot({ path: `${shots}/${name}.png` })
}

const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')

/** Nothing keeps people out of a view (WCAG 2.2 AA, by axe-core). */
export async function check(page, view) {
  // The page's policy lets no script in: this one comes by the browser's own tools.
  await page.evaluate(axe + ';0')
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))
  const grave = violations.filter(it => ['serious', 'critical'].includes(it.impact))
  assert.deepEqual(grave.map(it => `${view}: ${it.id}: ${it.nodes.map(node => node.html).join(' | ').slice(0, 600)}`), [])
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

/** Tells the test that it is its turn, and waits until it has done its part. */
export async function handOver(words) {
  console.log(words)
  return (await lines.next()).value
}
