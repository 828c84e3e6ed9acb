// A provider, and a person, whose every word wants to do harm: nothing runs, nothing is loaded, nothing leads away.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { comeAsGuest, inBrowser, newChat, say } from './harness.mjs'

const texts = JSON.parse(readFileSync(new URL('../../fixtures/hostile.json', import.meta.url), 'utf8'))

/** What of a page could do harm. */
const harm = page => page.evaluate(() => {
  const found = []
  if (globalThis.hurt) found.push('something ran')
  for (const element of document.querySelectorAll('.markdown *')) {
    const name = element.localName
    if (['script', 'style', 'iframe', 'object', 'embed', 'form', 'input', 'img', 'svg', 'video', 'base', 'meta', 'link'].includes(name)) found.push(`<${name}>`)
    for (const { name: attribute, value } of element.attributes) {
      if (attribute.startsWith('on') || ['style', 'id', 'name', 'src', 'srcdoc', 'action'].includes(attribute)) found.push(`${name} ${attribute}`)
      if (attribute === 'href' && !/^(https?|mailto):/.test(value)) found.push(`${name} to ${value}`)
    }
  }
  for (const link of document.querySelectorAll('.markdown a[href]')) {
    if (link.rel !== 'noopener noreferrer' || link.target !== '_blank') found.push(`a link without rel: ${link.outerHTML}`)
  }
  return found
})

await inBrowser(async ({ person }) => {
  const page = await person()
  await comeAsGuest(page)
  await say(page, 'Do your worst.')
  await page.locator('.reply .figures').getByText('tokens').waitFor()
  assert.deepEqual(await harm(page), [])
  assert.ok((await page.locator('.reply .code').count()) >= 3, 'what is code is shown as code')
  assert.match(await page.locator('.reply').innerText(), /<script>globalThis.hurt = 1<\/script>/, 'and text as text')

  // The same from a person, as the first words of a chat, which are its title, and as a name.
  await newChat(page)
  await say(page, texts.filter(text => !text.includes('\0')).join('\n\n'))
  await page.locator('.reply .figures').getByText('tokens').waitFor()
  assert.deepEqual(await harm(page), [])
  // Such a reply is long: what was said is not on the page any more.
  await page.locator('.list').evaluate(list => { list.scrollTop = 0 })
  await page.locator('.said .markdown').waitFor()
  assert.deepEqual(await harm(page), [])
  await page.getByRole('button', { name: 'Account' }).click()
  await page.getByLabel('Your name').fill('<img src=x onerror=globalThis.hurt=1>')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.locator('.me').getByText('<img src=x').waitFor()
  await page.getByRole('button', { name: 'Close' }).click()

  // The pointer over everything, and a press of what can be pressed in it.
  for (const place of await page.locator('.markdown a, .markdown button').all()) await place.hover({ timeout: 1_000 }).catch(() => {})
  assert.deepEqual(await harm(page), [])

  // What is found is HTML of the server's.
  await page.getByLabel('Search').fill('globalThis')
  await page.waitForTimeout(600)
  assert.deepEqual(await harm(page), [])
  assert.equal(await page.evaluate(() => globalThis.hurt), undefined)
})
