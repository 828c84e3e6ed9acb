// A file that waits for the scanner, which is not there.

import assert from 'node:assert/strict'
import { check, comeAsGuest, inBrowser, until } from './harness.mjs'

await inBrowser(async ({ person }) => {
  const page = await person()
  await comeAsGuest(page)
  await page.locator('input[type=file]').setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('boats') })
  const tray = page.getByRole('list', { name: 'Files for this message' })
  await tray.getByText('Waits for the virus scanner').waitFor()
  await check(page, 'a file that waits for the scanner')
  await tray.getByRole('button', { name: 'Remove notes.txt' }).click()
  await tray.waitFor({ state: 'detached' })
  const files = () => page.evaluate(async () => {
    const { access_token } = JSON.parse(localStorage.getItem('parlor-session'))
    const answer = await fetch('/api/v1/files', { headers: { authorization: `Bearer ${access_token}` } })
    return (await answer.json()).data.length
  })
  await until('nothing is left of it', async () => (await files()) === 0)
})
