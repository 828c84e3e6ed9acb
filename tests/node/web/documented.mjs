// The client's example in docs/web.md, against a server: it counts to five, says what that took, and ends.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

const root = new URL('../../../', import.meta.url)
const text = readFileSync(new URL('docs/web.md', root), 'utf8')
const [, example] = text.match(/```js\n([\s\S]*?)```/)
const client = new URL('crates/web/assets/parlor-client/index.js', root).href
writeFileSync('example.mjs', example
  .replace('./parlor-client/index.js', client)
  .replace('http://127.0.0.1:8000', process.env.PARLOR_URL.replace(/\/$/, '')))
const said = execFileSync(process.execPath, ['example.mjs'], { encoding: 'utf8', timeout: 60_000 })
assert.match(said, /1 2 3 4 5\s*\n\(\d+ tokens\)/)
console.log('all is well')
