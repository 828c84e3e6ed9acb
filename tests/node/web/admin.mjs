// The operators' page: what goes on, what was used, which jobs failed, and what was done of consequence.
// Reads PARLOR_TOKEN and PARLOR_USER too: an admin, who is none any more once the test has taken the right away.

import assert from 'node:assert/strict'
import { check, comeWith, handOver, inBrowser, say, shoot, until, url } from './harness.mjs'

const { PARLOR_TOKEN: token, PARLOR_USER: user } = process.env

async function ask(path, body) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const answer = await fetch(new URL(path, url), body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers })
  assert.ok(answer.ok, `${path}: ${answer.status}`)
  return answer.json()
}

/** Asks for a job, and waits until it has ended. */
async function job(work) {
  const { jobId } = await ask('api/v1/ai/jobs', work)
  let job
  await until('the job ends', async () => ['completed', 'failed'].includes((job = await ask(`api/v1/ai/jobs/${jobId}`)).state))
  return job
}

await inBrowser(async ({ person }) => {
  const page = await person()
  await comeWith(page, token, { id: user, email: 'root@example.org', username: 'root', role: 'admin' })
  await say(page, 'Hello')
  await page.locator('.reply .figures').getByText('tokens').waitFor()
  assert.equal((await job({ type: 'generate-completion', message: 'Later.' })).state, 'completed')
  const failed = await job({ type: 'generate-completion', message: 'Never.', model: '01930000-0000-7000-8000-000000000009' })
  assert.equal(failed.state, 'failed')

  let polled = 0
  page.on('request', request => request.url().includes('/admin/live') && polled++)
  await page.goto(new URL('admin', url).href)
  const tile = name => page.locator('.tile').filter({ hasText: name }).locator('dd')
  await until('the figures come', async () => (await tile('Connections').count()) > 0)
  assert.equal(await tile('Done').innerText(), '1')
  assert.equal(await tile('Failed').innerText(), '1')
  const row = page.getByRole('region', { name: 'Jobs that failed' }).getByRole('row').filter({ hasText: failed.id })
  assert.match(await row.innerText(), /generate-completion.*MODEL_NOT_FOUND/s)
  await page.getByRole('region', { name: 'Workers and providers' }).getByRole('cell', { name: 'openai' }).waitFor()

  // What was used, by day, model and user.
  const usage = page.getByRole('region', { name: 'Usage and cost' })
  for (const [by, name] of [['day', new Date().toISOString().slice(0, 10)], ['model', 'fake-1'], ['user', user]]) {
    await page.getByRole('combobox', { name: 'Usage and cost' }).selectOption(by)
    await usage.getByRole('row').filter({ hasText: name }).waitFor()
    const [tokens, , attempts] = (await usage.getByRole('row').filter({ hasText: name }).locator('.number').allInnerTexts()).map(it => parseFloat(it))
    assert.ok(tokens > 0 && attempts === 2, `${by}: ${tokens} tokens in ${attempts} attempts`)
    assert.ok(await usage.getByRole('img').isVisible())
  }
  await check(page, 'operations with usage and jobs')
  await shoot(page, 'admin-usage')

  // The figures go on by themselves, over the socket.
  const chat = await person()
  await comeWith(chat, token, { id: user, email: 'root@example.org', username: 'root', role: 'admin' })
  await until('the new connection is seen', async () => (await tile('Connections').innerText()) === '2')
  await chat.context().close()
  await until('its end is seen', async () => (await tile('Connections').innerText()) === '1')
  assert.equal(polled, 0, 'nothing was asked again and again')

  await handOver('take the right away')
  await page.getByRole('heading', { name: 'This page is for admins.' }).waitFor()
})
