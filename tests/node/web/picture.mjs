// The picture that the README opens with: a room in which people and the assistant talk.

import { called, comeAsGuest, composer, enterRoom, inBrowser, makeRoom, newChat, say, shoot } from './harness.mjs'

await inBrowser(async ({ person }) => {
  const ann = await person({ viewport: { width: 1200, height: 800 }, deviceScaleFactor: 1.5 })
  const bob = await person()
  await Promise.all([ann, bob].map(comeAsGuest))
  await called(ann, 'Ann')
  await called(bob, 'Bob Miller')
  for (const question of ['Plan for Friday', 'A good name for a boat?', 'Ideas for the garden']) {
    await newChat(ann)
    await say(ann, question)
    await ann.locator('.reply .figures').getByText('tokens').waitFor()
  }
  await makeRoom(ann, 'Tea house')
  await makeRoom(ann, 'Engineering')
  await say(ann, 'The import fails on this one. Any idea?')
  await enterRoom(bob, 'Engineering')
  await bob.locator('input[type=file]').setInputFiles({ name: 'entries.csv', mimeType: 'text/csv', buffer: Buffer.from('day,entry\n\n'.repeat(300)) })
  await bob.getByText('Ready').waitFor()
  await say(bob, 'The parser takes an **empty line** for the end, as in here:')
  await ann.locator('.said').getByText('entries.csv').waitFor()
  await say(ann, '@ai how would you leave them out?')
  await ann.locator('.reply .figures').getByText('gpt-4o').waitFor()
  await say(bob, 'That is it. Thank you both!')
  await ann.locator('.said').getByText('That is it.').waitFor()
  await ann.getByTitle('Read by Bob Miller').last().waitFor()
  await composer(bob).pressSequentially('And')
  await ann.getByText('Bob Miller is typing…').waitFor()
  await shoot(ann, 'chat')
})
