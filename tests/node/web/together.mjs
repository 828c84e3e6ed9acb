// Two people in one room: who is there, who types, what was read, what is unread, and what each does with messages.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { called, comeAsGuest, composer, enterRoom, inBrowser, makeRoom, newChat, phone, say, shoot, until, url } from './harness.mjs'

await inBrowser(async ({ person }) => {
  const [ann, bob] = [await person(), await person(phone)]
  await Promise.all([comeAsGuest(ann), comeAsGuest(bob)])
  await called(ann, 'Ann')
  await bob.goto(new URL('#/list', bob.url()).href)
  await called(bob, 'Bob')

  // Ann makes a room, Bob finds it.
  await makeRoom(ann, 'Tea house')
  await say(ann, 'Anybody here?')
  await enterRoom(bob, 'Tea house')
  await bob.getByText('Anybody here?').waitFor()
  await ann.getByText('2 members · 2 online').waitFor()
  await ann.getByTitle('Read by Bob').waitFor()

  // Each sees the other write.
  await composer(bob).pressSequentially('Yes')
  await ann.getByText('Bob is typing…').waitFor()
  await composer(bob).fill('Yes, **I** am.')
  await composer(bob).press('Enter')
  await ann.locator('.said').getByText('Yes, I am.').waitFor()
  assert.equal(await ann.locator('.said strong').filter({ hasText: /^I$/ }).count(), 1, 'people write Markdown too')
  await ann.getByText('Bob is typing…').waitFor({ state: 'detached' })

  // The AI answers who calls it, and both see the reply being made.
  await say(ann, '@ai count to 60')
  await Promise.all([ann, bob].map(page => page.locator('.reply').getByText('20', { exact: false }).first().waitFor()))
  await Promise.all([ann, bob].map(page => page.locator('.reply .figures').getByText('parlor-demo').waitFor()))
  const [annsReply, bobsReply] = await Promise.all([ann, bob].map(page => page.locator('.reply .markdown').innerText()))
  assert.equal(annsReply, bobsReply)

  // The room is a file for who wants one.
  await ann.getByRole('button', { name: 'More', exact: true }).click()
  const download = ann.waitForEvent('download')
  await ann.getByRole('menuitem', { name: 'Export as MD' }).click()
  const file = readFileSync(await (await download).path(), 'utf8')
  assert.match(file, /^# Tea house\n\n\*\*Ann\*\*, .*\n\nAnybody here\?\n\n\*\*Bob\*\*, .*\n\nYes, \*\*I\*\* am\./)
  assert.ok(file.includes(annsReply), 'replies are in it')

  // A reaction, an edit, a deletion: everybody sees them.
  await bob.getByText('Anybody here?').tap()
  await bob.locator('.said').filter({ hasText: 'Anybody here?' }).getByRole('button', { name: 'React' }).click()
  await bob.getByRole('menuitem', { name: '🎉' }).click()
  await ann.getByRole('button', { name: '🎉 1 reaction' }).waitFor()
  await composer(ann).press('ArrowUp')
  await ann.locator('.editor textarea').fill('@ai never mind')
  await ann.getByRole('button', { name: 'Save', exact: true }).click()
  await bob.locator('.said').getByText('never mind').waitFor()
  await shoot(ann, 'room-desktop')
  await shoot(bob, 'room-phone')
  const last = ann.locator('.said.mine').filter({ hasText: 'never mind' })
  await last.hover()
  await last.getByRole('button', { name: 'Delete' }).click()
  await ann.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await bob.getByText('This message was deleted.').waitFor()

  // What is said while one looks elsewhere is counted.
  await newChat(ann)
  await ann.getByRole('heading', { name: 'Hello.' }).waitFor()
  await say(bob, 'Where did you go?')
  await say(bob, 'Hello?')
  await ann.getByRole('link', { name: /Tea house.*2 unread messages/ }).waitFor()
  await until('the title says so', async () => (await ann.title()).startsWith('(2)'))
  await ann.getByRole('link', { name: /Tea house/ }).click()
  await ann.getByText('Hello?').waitFor()
  await until('nothing is unread', async () => !(await ann.title()).startsWith('('))
  await bob.getByTitle('Read by Ann').last().waitFor()

  // What Ann reads on one device is read on her other one, too.
  const kept = await ann.evaluate(() => localStorage.getItem('parlor-session'))
  const tablet = await person()
  await tablet.addInitScript(text => localStorage.setItem('parlor-session', text), kept)
  await tablet.goto(url)
  await tablet.getByRole('link', { name: /Tea house/ }).waitFor()
  await newChat(ann)
  await say(bob, 'Are you coming back?')
  for (const page of [ann, tablet]) await page.getByRole('link', { name: /Tea house.*1 unread message/ }).waitFor()
  await ann.getByRole('link', { name: /Tea house/ }).click()
  await until('it is read there, too', async () => (await tablet.getByRole('link', { name: /unread/ }).count()) === 0)
  await tablet.context().close()

  // Bob leaves, and is seen to be gone.
  await bob.getByRole('button', { name: 'More', exact: true }).click()
  await bob.getByRole('menuitem', { name: 'Leave the room' }).click()
  await bob.getByRole('button', { name: 'Leave the room' }).click()
  await bob.getByRole('heading', { name: 'Hello.' }).waitFor()
  await ann.getByText('1 online').waitFor()
})
