// A text that grows piece by piece is at each moment what its Markdown would be as a whole, however it was cut.

import assert from 'node:assert/strict'
import { comeAsGuest, inBrowser } from './harness.mjs'

const TEXT = `Words and more words, and **bold ones** that go on, *slanted* ones, \`code\` and then [a link](https://example.org/a) after.
A second line with example.com in it and more of www.example.org/path words, ann@example.org too.

# A heading that grows
Text under it - with a dash, it's 3 o'clock

- one item
- another **item** here
  - a nested one goes on

1. first
2. second one

| name | what |
|---|---|
| a | b and more |

> quoted words go
on lazily

Setext goes
---

\`\`\`js
const sail = true
\`\`\`

    indented code

The end &amp; more words \\*not slanted\\* ~~gone~~ here`

await inBrowser(async ({ person }) => {
  const page = await person()
  await comeAsGuest(page)
  const app = await page.locator('script[type=module]').evaluate(script => script.src.replace(/main\.js$/, ''))
  const seed = Date.now() % 1_000_000
  const wrong = await page.evaluate(async ({ app, text, seed }) => {
    const { GrowingMarkdown } = await import(`${app}markdown/stream.js`)
    const { render } = await import(`${app}markdown/render.js`)
    const plain = node => node.textContent.replace(/\s+/g, ' ').trim()
    const whole = words => {
      const element = document.createElement('div')
      element.append(render(words))
      return element
    }
    let state = seed
    const random = below => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) % below
    for (let round = 0; round < 40; round++) {
      const element = document.createElement('div')
      const growing = new GrowingMarkdown(element)
      // However lines end.
      const words = text.replaceAll('\n', ['\n', '\r', '\r\n'][round % 3])
      for (let at = 0; at < words.length; ) {
        at += 1 + random(round % 2 ? 4 : 12)
        const shown = words.slice(0, at)
        growing.show(shown)
        const expected = plain(whole(shown))
        if (plain(element) !== expected) return { shown: shown.slice(-80), got: plain(element).slice(-120), expected: expected.slice(-120) }
      }
      growing.end()
      const [got, expected] = [element, whole(text)].map(it => [...it.querySelectorAll('*')].filter(it => !it.closest('code')).map(it => it.localName).join(' '))
      if (got !== expected) return { got, expected }
    }
    return null
  }, { app, text: TEXT, seed })
  assert.equal(wrong, null, `seed ${seed}: ${JSON.stringify(wrong)}`)
})
