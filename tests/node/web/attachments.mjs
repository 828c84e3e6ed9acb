// Files that go with messages: chosen, dropped and pasted; shown, saved, refused and taken out again.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { check, comeAsGuest, composer, inBrowser, phone, say, shoot, until } from './harness.mjs'

await inBrowser(async ({ person }) => {
  const page = await person()
  await comeAsGuest(page)
  const picture = await page.screenshot()
  const tray = page.getByRole('list', { name: 'Files for this message' })
  const bring = (how, bytes, name, type) =>
    page.evaluate(([how, bytes, name, type]) => {
      const data = new DataTransfer()
      data.items.add(new File([Uint8Array.from(bytes)], name, { type }))
      const field = document.getElementById('composer')
      const more = { bubbles: true, cancelable: true }
      if (how === 'paste') return field.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, ...more }))
      field.dispatchEvent(new DragEvent('dragover', { dataTransfer: data, ...more }))
      field.dispatchEvent(new DragEvent('drop', { dataTransfer: data, ...more }))
    }, [how, [...bytes], name, type])

  // With the keyboard alone.
  const chooser = page.waitForEvent('filechooser')
  await page.getByRole('button', { name: 'Attach files' }).focus()
  await page.keyboard.press('Enter')
  await (await chooser).setFiles({ name: 'notes.md', mimeType: 'text/markdown', buffer: Buffer.from('# Boats') })
  await bring('drop', picture, 'harbour.png', 'image/png')
  await bring('paste', picture, 'image.png', 'image/png')
  await until('all are there', async () => (await tray.getByText('Ready').count()) === 3)
  await until('it is said', async () => /Attached: notes.md[^]*notes.md is uploaded/.test(await page.locator('#announcer').innerText()))

  // What is refused says why; it can be taken out, and so can what is there.
  await bring('drop', [77, 90], 'setup.exe', '')
  await tray.getByText('Files of this kind are not taken.').waitFor()
  await check(page, 'files of a message')
  await shoot(page, 'upload-tray')
  await say(page, 'echo our harbour')
  await until('it is not sent', async () => (await page.locator('#announcer').innerText()).includes('The message was not sent'))
  assert.equal(await page.locator('.said').count(), 0)
  await tray.getByRole('button', { name: 'Remove setup.exe' }).click()
  await tray.getByRole('button', { name: 'Remove image.png' }).click()
  await until('both are gone', async () => (await tray.getByRole('listitem').count()) === 2)
  await until('the field has the focus', () => page.evaluate(() => document.activeElement.id === 'composer'))
  await page.keyboard.press('Enter')

  // They are with the message: an image as it is, another file by name.
  const said = page.locator('.said')
  const image = said.locator('.attachments img')
  await image.waitFor()
  await until('the image is loaded', () => image.evaluate(it => it.complete && it.naturalWidth > 0))
  assert.equal(await image.getAttribute('alt'), 'harbour.png')
  await page.locator('.reply .figures').getByText('parlor-demo').waitFor()
  await check(page, 'a message with files')
  await shoot(page, 'attachments')
  for (const [name, bytes] of [[/^Download notes.md, 7 B/, Buffer.from('# Boats')], [/^Download harbour.png/, picture]]) {
    const download = page.waitForEvent('download')
    await said.getByRole('button', { name }).click()
    assert.ok(readFileSync(await (await download).path()).equals(bytes), `${name}`)
  }

  // A message may be files alone; and after a reload all is as it was.
  await bring('paste', picture, 'again.png', 'image/png')
  await tray.getByText('Ready').waitFor()
  await composer(page).press('Enter')
  await said.nth(1).getByText('again.png').waitFor()
  await said.nth(1).locator('img').waitFor()
  await page.reload()
  await until('both images are loaded', () =>
    page.locator('.attachments img').evaluateAll(all => all.length === 2 && all.every(it => it.complete && it.naturalWidth > 0)))
  await said.getByRole('button', { name: /^Download notes.md/ }).waitFor()

  // On a phone nothing is wider than the screen.
  const { storageState: state } = { storageState: await page.context().storageState() }
  const small = await person({ ...phone, storageState: state })
  await small.goto(page.url())
  await small.locator('.attachments img').first().waitFor()
  await small.locator('input[type=file]').setInputFiles({ name: `${'long '.repeat(20)}name.txt`, mimeType: 'text/plain', buffer: Buffer.from('x') })
  await small.getByText('Ready').waitFor()
  assert.ok(await small.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing stands out')
  await check(small, 'files on a phone')
  await shoot(small, 'attachments-phone')
})
