// Who answers: assistants and models that are chosen, in chats and in rooms; what a model thinks aloud; what a reply cites.
// Reads PARLOR_TOKEN and PARLOR_USER too: an admin.

import assert from 'node:assert/strict'
import { check, comeAsGuest, comeWith, composer, inBrowser, newChat, say, shoot, until, url } from './harness.mjs'

const { PARLOR_TOKEN: token, PARLOR_USER: user } = process.env

async function make(assistant) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const answer = await fetch(new URL('api/v1/ai/assistants', url), { method: 'POST', headers, body: JSON.stringify(assistant) })
  assert.equal(answer.status, 201, await answer.text())
}

await make({ name: 'chef', displayName: 'The chef', scope: 'server', model: 'thinks', systemPrompt: 'Cook.' })
await make({ name: 'guide', displayName: 'The guide', scope: 'server', systemPrompt: 'Lead the way.' })

const choose = async (page, from, to) => {
  await page.getByRole('button', { name: `Who answers: ${from}` }).click()
  await page.getByRole('menuitemradio', { name: to }).click()
  await page.getByRole('button', { name: `Who answers: ${to}` }).waitFor()
}

await inBrowser(async ({ person }) => {
  const ann = await person()
  await comeWith(ann, token, { id: user, email: 'root@example.org', username: 'Ann', role: 'admin' })

  // For a new chat, from the keyboard.
  const button = ann.getByRole('button', { name: 'Who answers: Automatic' })
  await button.press('Enter')
  await ann.getByRole('menuitemradio', { name: 'Automatic' }).and(ann.locator(':focus')).waitFor()
  await check(ann, 'who answers')
  await shoot(ann, 'answerers')
  await ann.keyboard.press('ArrowDown')
  await ann.keyboard.press('Enter')
  await ann.getByRole('button', { name: 'Who answers: The chef' }).waitFor()
  await say(ann, 'What shall we eat?')
  const reply = ann.locator('.reply').last()
  await reply.locator('.figures').getByText('tokens').waitFor()
  await reply.locator('.who').getByText('The chef').waitFor()

  // What it thought is there, closed.
  const thoughts = reply.locator('.thoughts')
  assert.equal(await thoughts.locator('p').isVisible(), false)
  await thoughts.getByText('Thoughts · 1 tool call').click()
  assert.ok((await thoughts.locator('p').innerText()).length > 0)
  assert.match(await thoughts.locator('code').innerText(), /^\w+\(.*\)$/s)
  await check(ann, 'thoughts')
  await shoot(ann, 'thoughts')

  // The chat keeps its choice over a reload; another choice holds for this chat alone.
  await choose(ann, 'The chef', 'The guide')
  await ann.reload()
  await ann.getByRole('button', { name: 'Who answers: The guide' }).waitFor()
  await say(ann, 'And where?')
  await ann.locator('.reply .who').getByText('The guide').waitFor()
  await newChat(ann)
  await ann.getByRole('heading', { name: /Hello/ }).waitFor()
  await choose(ann, 'The chef', 'plain')
  await say(ann, 'Just so.')
  await ann.locator('.reply .figures').getByText('tokens').waitFor()
  assert.equal(await ann.locator('.reply .who').count(), 0, 'no assistant answered')

  // In a room its owner chooses for everybody.
  await ann.getByRole('button', { name: 'New room' }).click()
  await check(ann, 'new room')
  await ann.getByRole('textbox', { name: 'Name' }).fill('Kitchen')
  await ann.getByRole('button', { name: 'Create room' }).click()
  await ann.getByRole('heading', { name: 'Kitchen' }).waitFor()
  await choose(ann, 'Automatic', 'The guide')
  const bob = await person()
  await comeAsGuest(bob)
  await bob.goto(ann.url())
  await bob.locator('.head .answerer').getByText('The guide').waitFor()
  assert.equal(await bob.getByRole('button', { name: /Who answers/ }).count(), 0, 'only the owner chooses')
  await say(bob, '@ai where is the salt?')
  for (const page of [ann, bob]) await page.locator('.reply .who').getByText('The guide').waitFor()
  await say(bob, 'and @chef, where is the pepper?')
  for (const page of [ann, bob]) await page.locator('.reply .who').getByText('The chef').waitFor()
  await shoot(ann, 'room-answers')
})

// A reply with what it was made from: a server that knows documents would say so in its message.
await inBrowser(async ({ person }) => {
  const page = await person()
  const citations = [
    { number: 1, document_id: 'd-1', title: 'Handbook', chunk: 0, excerpt: 'The ferry leaves at 07:40.', score: 0.42 },
    { number: 2, document_id: 'd-2', title: '<b>Timetable</b>', chunk: 3, excerpt: 'Pier four.', score: 0.4 },
  ]
  await page.routeWebSocket(/\/ws\/ws/, socket => {
    const server = socket.connectToServer()
    server.onMessage(text => {
      const frame = JSON.parse(text)
      if (frame.data?.done) frame.data.citations = citations
      socket.send(JSON.stringify(frame))
    })
  })
  await comeAsGuest(page)
  await say(page, 'When does the ferry leave?')
  const sources = page.locator('.reply .citations')
  await sources.waitFor()
  assert.equal(await sources.getByText('Handbook').isVisible(), false)
  await sources.getByText('Sources (2)').click()
  await sources.getByText('The ferry leaves at 07:40.').waitFor()
  await sources.getByText('<b>Timetable</b>').waitFor()
  await check(page, 'citations')
  await shoot(page, 'citations')
})
