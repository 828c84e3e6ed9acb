// The main views, in both themes and on both screens: usable by everybody.
// Reads PARLOR_TOKEN and PARLOR_USER too: an admin, who is in the room `long`.

import { check, comeWith, desktop, inBrowser, phone, shoot, until, url } from './harness.mjs'

const { PARLOR_TOKEN: token, PARLOR_USER: user } = process.env

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
      await page.getByText('Message 100:').waitFor()
      await check(page, `room, ${name}`)
      await shoot(page, `room-${name}`)
      const files = [['harbour.png', 'image/png', await page.screenshot()], ['tides.md', 'text/markdown', Buffer.from('# Tides')], ['setup.exe', '', Buffer.from('MZ')]]
      await page.locator('input[type=file]').setInputFiles(files.map(([name, mimeType, buffer]) => ({ name, mimeType, buffer })))
      await page.locator('.upload').getByText('Files of this kind are not taken.').waitFor()
      await until('the others are there', async () => (await page.locator('.upload').getByText('Ready').count()) === 2)
      await check(page, `files, ${name}`)
      await shoot(page, `files-${name}`)
      for (const [file] of files) await page.getByRole('button', { name: `Remove ${file}` }).click()
      await page.getByRole('button', { name: 'More', exact: true }).click()
      await page.getByRole('menuitem', { name: 'Members' }).click()
      await check(page, `members, ${name}`)
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'More', exact: true }).click()
      await check(page, `menu, ${name}`)
      await page.getByRole('menuitem', { name: 'Delete the room' }).click()
      await check(page, `question, ${name}`)
      await page.keyboard.press('Escape')
      if (screen === 'phone') {
        await page.getByRole('button', { name: 'All conversations' }).click()
        await check(page, `list, ${name}`)
        await shoot(page, `list-${name}`)
      }
      else await page.goto(new URL('#/new', url).href)
      for (const [button, dialog] of [['New room', 'New room'], ['Browse rooms', 'Rooms on this server'], ['Account', 'Account']]) {
        await page.getByRole('button', { name: button }).click()
        await page.getByRole('dialog', { name: dialog }).waitFor()
        await check(page, `${button}, ${name}`)
        if (name === 'phone-light') await shoot(page, `${button.toLowerCase().replace(' ', '-')}-${name}`)
        await page.keyboard.press('Escape')
      }
      await page.goto(new URL('admin', url).href)
      await page.getByText('Messages a second').waitFor()
      await page.getByRole('cell', { name: 'audit_read' }).first().waitFor()
      await page.waitForTimeout(500)
      await check(page, `operations, ${name}`)
      await shoot(page, `admin-${name}`)
      await page.context().close()
    }
  }
})
