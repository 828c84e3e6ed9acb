// Every word that the pages ask for is there.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { t } from '../../../crates/web/assets/app/strings.js'

const assets = new URL('../../../crates/web/assets/', import.meta.url)
const names = readdirSync(assets, { recursive: true }).filter(name => /^(app|admin)\/.*\.js$/.test(name))
let asked = 0
for (const name of names.filter(name => !name.endsWith('strings.js'))) {
  for (const [whole, first, second] of readFileSync(new URL(name, assets), 'utf8').matchAll(/(?<![\w.'-])t\.(\w+)(?:\.(\w+))?/g)) {
    // What is asked of a word itself is no word.
    const word = typeof t[first] === 'object' && second ? t[first][second] : t[first]
    assert.ok(word !== undefined, `${name}: ${whole}`)
    asked += 1
  }
}
assert.ok(asked > 100, 'the pages are found')
console.log('all is well')
