// A large file over a cable that is cut in the middle of it, with a message that waits for it.
// Reads PARLOR_SIZE too: how many bytes the file has.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { check, comeAsGuest, composer, handOver, inBrowser, shoot, until, url } from './harness.mjs'
import { checksumOf, Sha256 } from '../../../crates/web/assets/parlor-client/sha256.js'

const size = Number(process.env.PARLOR_SIZE)
const whole = Buffer.alloc(size)
for (let at = 0; at < size; at++) whole[at] = 97 + ((Math.imul(at, 2_654_435_761) >>> 13) % 26)
const sha256 = bytes => createHash('sha256').update(bytes).digest('hex')

// What hashes where the browser does not, for every way to fill a block and for pieces.
for (let length = 0; length < 200; length++) {
  const hash = new Sha256()
  hash.update(whole.subarray(0, length >> 1))
  hash.update(whole.subarray(length >> 1, length))
  assert.equal(Buffer.from(hash.digest()).toString('hex'), sha256(whole.subarray(0, length)), `${length} bytes`)
}
assert.equal(await checksumOf(new Blob([whole])), sha256(whole))

await inBrowser(async ({ person }) => {
  const page = await person({ expected: ['ERR_CONNECTION_REFUSED', 'WebSocket connection to', 'ERR_CONNECTION_RESET', 'ERR_EMPTY_RESPONSE'] })
  await comeAsGuest(page)
  await page.locator('input[type=file]').setInputFiles({ name: 'large.txt', mimeType: 'text/plain', buffer: whole })
  const tray = page.getByRole('list', { name: 'Files for this message' })
  const bar = tray.getByRole('progressbar')
  const percent = async () => Number(await bar.getAttribute('value'))
  await until('some of it is there', async () => (await percent()) >= 10)

  // It can be paused.
  await tray.getByRole('button', { name: 'Pause large.txt' }).click()
  await tray.getByText('Paused').waitFor()
  // What was on its way still arrives.
  let paused
  await until('nothing goes on', async () => {
    paused = await percent()
    await page.waitForTimeout(500)
    return (await percent()) === paused
  })
  await check(page, 'a paused upload')
  await shoot(page, 'upload-paused')
  assert.equal(await percent(), paused, 'nothing goes on later')
  await tray.getByRole('button', { name: 'Resume large.txt' }).click()

  // The message waits for it.
  await composer(page).fill('echo all of it')
  await composer(page).press('Enter')
  await page.locator('.held').waitFor()
  await check(page, 'a message that waits for its file')
  await until('more of it is there', async () => (await percent()) > Math.max(paused, 30))
  await handOver('cut it')

  await page.locator('.said').getByText('echo all of it').waitFor()
  await page.locator('.said .file').getByText('large.txt').waitFor()
  await page.locator('.reply .figures').getByText('parlor-demo').waitFor()
  await tray.waitFor({ state: 'detached' })
  assert.equal(await composer(page).inputValue(), '')

  // All of it is on the server.
  const token = await page.evaluate(() => JSON.parse(localStorage.getItem('parlor-session')).access_token)
  const get = path => fetch(new URL(path, url), { headers: { authorization: `Bearer ${token}` } })
  const { data } = await (await get('/api/v1/files')).json()
  assert.deepEqual(data.map(it => [it.file_name, it.file_size]), [['large.txt', size]], 'one file, and no rest of another')
  const bytes = Buffer.from(await (await get(`/api/v1/files/${data[0].file_id}`)).arrayBuffer())
  assert.equal(sha256(bytes), sha256(whole))
})
