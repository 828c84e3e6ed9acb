// What goes wrong only where things come in an unlucky order: frames that are late, lost, refused or said twice, lists that
// take their time, and two tabs of one storage. Arguments name the checks that are run; none: all of them.

import assert from 'node:assert/strict'
import { comeAsGuest, composer, enterRoom, inBrowser, makeRoom, newChat, say, until, url } from './harness.mjs'

const rest = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds))
const links = page => page.getByRole('navigation').getByRole('link')
/** By its link, until it is there: what is typed before that is a draft of the place before. */
const goTo = async (page, name) => {
  await links(page).filter({ hasText: name }).click()
  await page.locator('.title').getByRole('heading', { name }).waitFor()
}
const replied = (page, nth = 0) => page.locator('.reply .figures').getByText('parlor-demo').nth(nth).waitFor()
const keys = (page, prefix) => page.evaluate(it => Object.keys(localStorage).filter(key => key.startsWith(it)).length, prefix)

/** Stands between a page and its server: `up` and `down` are told each frame, and keep to themselves those for which they say so. */
const between = (page, { up = () => {}, down = () => {} }) =>
  page.routeWebSocket(/ws\/ws/, socket => {
    const server = socket.connectToServer()
    socket.onMessage(async text => (await up(JSON.parse(text), socket)) || server.send(text))
    server.onMessage(async text => (await down(JSON.parse(text), socket)) || socket.send(text))
  })

/** Refuses a frame, as the server would. */
const refuse = (socket, frame, code, more = {}) => {
  const { message_id, data } = frame
  socket.send(JSON.stringify({ type: 'error', message_id, data: { code, error: 'no', message_id, request_id: data.request_id, ...more } }))
  return true
}

/** What was said is there once, as it would be after a reload. */
async function isOneChat(page, words) {
  await until('nothing waits', async () => (await page.locator('.waiting').count()) + (await keys(page, 'parlor-outbox:')) === 0)
  await replied(page)
  assert.equal(await links(page).filter({ hasText: words }).count(), 1, 'it is one chat')
  assert.equal(await page.locator('.said').count(), 1)
  assert.equal(await page.locator('.reply').count(), 1)
}

const checks = {
  /** A refusal that passes is no reason to say all that waits again, and again for each. */
  async 'what is refused for a while is said again, and not the more often the more waits'({ ann }) {
    let refusing = true
    let said = 0
    const page = await ann(it => between(it, { up: (frame, socket) => {
      if (frame.type !== 'chat') return
      said += 1
      return refusing && refuse(socket, frame, 'AI_UNAVAILABLE', { retry_after: 1 })
    } }))
    for (const idea of ['What can you do?', 'Count to 20']) {
      await page.getByRole('button', { name: idea }).click()
      await newChat(page)
    }
    await say(page, 'echo third')
    await rest(4_500)
    assert.ok(said >= 6 && said <= 3 * 6, `three messages were said ${said} times`)
    refusing = false
    await replied(page)
    await until('nothing waits', async () => (await keys(page, 'parlor-outbox:')) === 0)
  },

  /** The lists may come late; the address says at once where one is. */
  async 'what is written before the lists are there goes where the address says'({ ann }) {
    const page = await ann()
    await makeRoom(page, 'Slow lists')
    let slow = true
    await page.route('**/chat/sessions?*', async route => {
      if (slow) await rest(2_000)
      await route.continue()
    })
    await page.reload()
    await composer(page).waitFor()
    await say(page, 'for the room alone')
    await page.getByRole('heading', { name: 'Slow lists' }).waitFor()
    await page.locator('.said:not(.waiting)').getByText('for the room alone').waitFor()
    assert.match(await page.evaluate(() => location.hash), /^#\/r\/slow-lists-/)
    assert.equal(await links(page).filter({ hasText: 'Slow lists' }).count(), 1)
    assert.equal(await links(page).filter({ hasText: 'for the room' }).count(), 0, 'no chat was made of it')
    await links(page).filter({ hasText: 'Slow lists' }).waitFor()
    await rest(2_000)
    slow = false

    // The same of a chat, whose name comes with the lists.
    await newChat(page)
    await say(page, 'echo a chat of old')
    await replied(page)
    await page.reload()
    await page.getByRole('heading', { name: 'echo a chat of old' }).waitFor()
    await replied(page)
    assert.equal(await links(page).filter({ hasText: 'echo a chat of old' }).count(), 1)
  },

  /** A first message that was refused made no chat: saying it again makes one. */
  async 'a first message that was refused is said again'({ ann }) {
    let refusals = 2
    const page = await ann(it => between(it, { up: (frame, socket) => frame.type === 'chat' && refusals-- > 0 && refuse(socket, frame, 'TOKEN_BUDGET_EXCEEDED') }))
    await say(page, 'echo refused first')
    for (let time = 0; time < 2; time++) await page.getByRole('button', { name: 'Try again' }).click()
    await replied(page)
    assert.equal(await links(page).filter({ hasText: 'refused first' }).count(), 1)
    await page.reload()
    await replied(page)
    assert.equal(await page.locator('.said').count(), 1)
    assert.equal(await keys(page, 'parlor-outbox:'), 0)

    // What an earlier page kept that waits for a chat which nobody makes any more makes one.
    await page.evaluate(() => {
      const { id: user } = JSON.parse(localStorage.getItem('parlor-session')).user
      for (const at of ['1', '2']) {
        const id = crypto.randomUUID()
        const message = { id, place: { pending: 'gone' }, text: `echo orphan ${at}`, options: {}, at }
        localStorage.setItem(`parlor-outbox:${user}:${id}`, JSON.stringify(message))
      }
    })
    await page.reload()
    await goTo(page, 'orphan 1')
    await replied(page, 1)
    assert.equal(await page.locator('.said').count(), 2)
    assert.equal(await links(page).filter({ hasText: 'orphan' }).count(), 1)
    assert.equal(await keys(page, 'parlor-outbox:'), 0)
  },

  /** The chat that a message has made is heard of before the message is confirmed. */
  async 'a chat that is heard of early is one chat'({ ann }) {
    let lose = true
    const first = await ann(it => between(it, { down: (frame, socket) => {
      if (!lose || frame.type !== 'delivery_confirmation') return
      lose = false
      socket.close({ code: 1011 })
      return true
    } }))
    await say(first, 'echo never confirmed')
    await replied(first)
    await isOneChat(first, 'never confirmed')

    // Another tab says what this one still has to say.
    const id = crypto.randomUUID()
    const waits = page => page.addInitScript(id => {
      const { id: user } = JSON.parse(localStorage.getItem('parlor-session')).user
      if (sessionStorage.getItem('was here')) return
      sessionStorage.setItem('was here', 'yes')
      localStorage.setItem(`parlor-outbox:${user}:${id}`, JSON.stringify({ id, place: null, text: 'echo in two tabs', options: {}, at: '1' }))
    }, id)
    const late = delay => page => between(page, { up: async frame => void (frame.type === 'chat' && (await rest(delay))) })
    const quick = await ann(page => Promise.all([waits(page), late(700)(page)]))
    const slow = await ann(page => Promise.all([waits(page), late(2_500)(page)]))
    await links(slow).filter({ hasText: 'in two tabs' }).first().click()
    await links(quick).filter({ hasText: 'in two tabs' }).first().click()
    for (const page of [quick, slow]) await isOneChat(page, 'in two tabs')

    // A list brings the chat, and the reader is in it.
    const { hash } = new URL(quick.url())
    const listed = await ann(page => Promise.all([waits(page), late(1_500)(page)]), hash)
    await replied(listed)
    await isOneChat(listed, 'in two tabs')
    assert.equal(new URL(listed.url()).hash, hash)
  },

  /** What comes while a chat is not open is in its history; a part of it alone would hide the rest. */
  async 'a chat that was not open has no holes'({ ann }) {
    const first = await ann()
    await say(first, 'echo with holes')
    await replied(first)
    const second = await ann()
    await links(second).filter({ hasText: 'with holes' }).waitFor()
    for (const at of [1, 2]) {
      await say(first, `echo part ${at}`)
      await replied(first, at)
    }
    await goTo(second, 'with holes')
    await replied(second, 2)
    assert.equal(await second.locator('.said').count(), 3)

    // What was said in it without a connection, and confirmed while the reader is elsewhere.
    await newChat(second)
    await second.reload()
    await links(second).filter({ hasText: 'with holes' }).waitFor()
    await second.context().setOffline(true)
    await goTo(second, 'with holes')
    await say(second, 'echo said offline')
    await second.locator('.waiting').waitFor()
    await newChat(second)
    await second.context().setOffline(false)
    await until('it is confirmed', async () => (await keys(second, 'parlor-outbox:')) === 0)
    await goTo(second, 'with holes')
    await replied(second, 3)
    assert.equal(await second.locator('.said').count(), 4)
    await second.getByText('This is the beginning.').waitFor()
  },

  /** Who is asked too much for a while says nothing of whether a place is there. */
  async 'a refusal that passes throws nobody out'({ ann }) {
    let refusing = false
    const page = await ann(it => between(it, { up: (frame, socket) => {
      return refusing && ['join_room', 'history'].includes(frame.type) && refuse(socket, frame, 'RATE_LIMIT', { retry_after: 2 })
    } }))
    await makeRoom(page, 'Busy house')
    await say(page, 'still here')
    await page.locator('.said:not(.waiting)').getByText('still here').waitFor()
    await newChat(page)
    await page.reload()
    await page.route('**/members?*', route => route.fulfill({ status: 503, contentType: 'application/json', body: '{"code":"INTERNAL"}' }))
    refusing = true
    await goTo(page, 'Busy house')
    await page.getByText('Too much at once.').first().waitFor()
    await page.getByRole('heading', { name: 'Busy house' }).waitFor()
    refusing = false
    await page.locator('.said').getByText('still here').waitFor()
    await rest(500)
    await page.getByRole('heading', { name: 'Busy house' }).waitFor()

    // What is not there is left.
    await page.goto(new URL('#/c/01a22999-fa44-7350-8b8a-438af6f15855', url).href)
    await page.getByText('There is no such conversation.').first().waitFor()
    await page.locator('.greeting').waitFor()
  },

  /** What was not read is counted once: over reloads, over outages, and not what was read on another device. */
  async 'what is unread is counted once'({ ann, bob }) {
    const room = page => links(page).filter({ hasText: 'Count house' })
    const unread = n => (n ? new RegExp(`Count house.*${n} unread`) : /^#? ?Count house$/)
    const isUnread = async (page, n) => {
      await page.getByRole('navigation').getByRole('link', { name: unread(n) }).waitFor()
      // And stays so.
      await rest(1_000)
      assert.match(await room(page).innerText(), n ? new RegExp(`\\b${n} unread`) : /^#\s*Count house$/)
    }
    const page = await ann()
    await makeRoom(page, 'Count house')
    const other = await bob()
    await enterRoom(other, 'Count house')
    await page.getByText('2 members · 2 online').waitFor()
    await newChat(other)
    await other.reload()
    await isUnread(other, 0)
    await say(page, 'one')
    await isUnread(other, 1)
    await other.reload()
    await isUnread(other, 1)

    // Another room is open, and alone is asked for when the connection is back.
    await makeRoom(other, 'Open house')
    await other.context().setOffline(true)
    await other.getByText('You are offline.').waitFor()
    for (const words of ['two', 'three']) await say(page, words)
    await page.locator('.said:not(.waiting)').getByText('three').waitFor()
    await other.context().setOffline(false)
    await isUnread(other, 3)
    await other.reload()
    await isUnread(other, 3)

    await other.goto(new URL('api/v1/config', url).href)
    const phone = await bob()
    await room(phone).click()
    await phone.getByText('three').waitFor()
    await page.getByTitle(/^Read by/).last().waitFor()
    await other.goto(url)
    await isUnread(other, 0)
  },

  /** Somebody who has scrolled up in one chat is at the end of the next. */
  async 'each chat begins at its end'({ ann }) {
    const page = await ann()
    await say(page, 'echo short')
    await replied(page)
    await newChat(page)
    await say(page, 'long rivers')
    await page.getByText('40 of 100, about rivers').waitFor()
    await page.locator('.list').hover()
    await page.mouse.wheel(0, -3_000)
    await page.locator('.to-end').waitFor()
    await goTo(page, 'echo short')
    await page.getByRole('heading', { name: 'echo short' }).waitFor()
    await page.locator('.to-end').waitFor({ state: 'detached', timeout: 2_000 })
    await say(page, 'echo again')
    await replied(page, 1)
    assert.equal(await links(page).filter({ hasText: /echo short.*unread/ }).count(), 0)
  },

  /** What somebody has made of a message is there until the server has it. */
  async 'what is written in an edit is not lost'({ ann }) {
    const asked = []
    let refusing = true
    const page = await ann(it => between(it, { up: (frame, socket) => {
      asked.push(frame.type)
      return refusing && frame.type === 'edit' && refuse(socket, frame, 'RATE_LIMIT', { retry_after: 1 })
    } }))
    const editor = page.locator('.editor textarea')
    await say(page, 'echo the first')
    await replied(page)
    await newChat(page)
    await say(page, 'echo one')
    await replied(page)
    await composer(page).press('ArrowUp')
    await editor.fill('echo written with care')
    await editor.press('Enter')
    await page.getByText('Too much at once.').first().waitFor()
    assert.equal(await editor.inputValue(), 'echo written with care')
    assert.ok(!asked.includes('regenerate'), 'a refused edit asks for no reply')

    await page.context().setOffline(true)
    await page.getByText('You are offline.').waitFor()
    await editor.press('Enter')
    await page.locator('.toast').getByText('The server cannot be reached.').first().waitFor()
    assert.equal(await editor.inputValue(), 'echo written with care')
    // Nor does it go with the view.
    await goTo(page, 'echo the first')
    await editor.waitFor({ state: 'detached' })
    await goTo(page, 'echo one')
    assert.equal(await editor.inputValue(), 'echo written with care')
    refusing = false
    await page.context().setOffline(false)
    await page.locator('.me .avatar.online').waitFor()
    await editor.press('Enter')
    await page.locator('.reply').getByText('written with care').waitFor()
    await editor.waitFor({ state: 'detached' })
    assert.equal(await page.evaluate(() => document.activeElement.id), 'composer')
  },

  /** A press too many says nothing twice, and makes no second room. */
  async 'what is pressed twice is done once'({ ann }) {
    const page = await ann()
    await say(page, 'echo first')
    await replied(page)
    await composer(page).fill('echo twice')
    await composer(page).evaluate(field => {
      for (const press of ['first', 'second']) field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, code: press }))
    })
    await replied(page, 1)
    // What is typed right behind it is the next message.
    await composer(page).fill('echo third')
    const left = await composer(page).evaluate(async field => {
      field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }))
      await Promise.resolve()
      await Promise.resolve()
      return field.value
    })
    assert.equal(left, '')
    await replied(page, 2)
    assert.equal(await page.locator('.said').count(), 3)

    await page.route('**/api/v1/ws/rooms', async route => (await rest(500), route.continue()))
    await page.getByRole('button', { name: 'New room' }).click()
    await page.getByRole('textbox', { name: 'Name' }).fill('Only one')
    await page.getByRole('button', { name: 'Create room' }).dblclick()
    await page.getByRole('heading', { name: 'Only one' }).waitFor()
    await rest(1_000)
    assert.equal(await links(page).filter({ hasText: 'Only one' }).count(), 1)
  },

  /** A refresh token is good once: where pages have no Web Locks, too, tabs take turns with it. */
  async 'two tabs share a sign-in without Web Locks'({ guest }) {
    const come = await guest()
    const page = await come(it => it.context().addInitScript(() => Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined })))
    const other = await page.context().newPage()
    await other.goto(url)
    for (let time = 0; time < 3; time++) {
      await page.evaluate(() => {
        const session = JSON.parse(localStorage.getItem('parlor-session'))
        localStorage.setItem('parlor-session', JSON.stringify({ ...session, expires_at: 0 }))
      })
      await Promise.all([page.reload(), other.reload()])
      await until('the tokens are others', () => page.evaluate(() => JSON.parse(localStorage.getItem('parlor-session') ?? '{}').expires_at > 0))
      for (const tab of [page, other]) await tab.locator('.me .avatar.online').waitFor()
    }
    assert.equal(await keys(page, 'parlor-turn'), 0)
  },

  /** Who signs out without a connection is told so, and can come again. */
  async 'a sign-out without a connection leaves no empty page'({ guest }) {
    const come = await guest()
    const page = await come()
    await page.context().setOffline(true)
    await page.getByRole('button', { name: 'Account' }).click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByText('The server cannot be reached.').first().waitFor()
    await page.context().setOffline(false)
    await page.getByRole('button', { name: 'Try it now' }).click()
    await composer(page).waitFor()
  },

  /** The focus is where somebody without a mouse goes on from; and what a dialog shows is as things are now. */
  async 'menus and dialogs give the focus back'({ ann, bob }) {
    const page = await ann()
    const focus = () => page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.id)
    await makeRoom(page, 'Focus house')
    const menu = page.getByRole('button', { name: 'More', exact: true })
    const choose = async name => {
      await menu.focus()
      await page.keyboard.press('Enter')
      await page.getByRole('menuitem', { name }).press('Enter')
    }
    await choose('Copy link')
    assert.equal(await focus(), 'More')
    for (const away of [() => page.keyboard.press('Escape'), () => page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).press('Enter')]) {
      await choose('Delete the room')
      await page.getByRole('dialog').waitFor()
      await away()
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      assert.equal(await focus(), 'More')
    }

    await choose('Members')
    const people = page.getByRole('dialog').getByRole('listitem')
    await until('one is there', async () => (await people.count()) === 1)
    await enterRoom(await bob(), 'Focus house')
    await until('both are there', async () => (await people.count()) === 2)
  },

  /** Answers that come late or not at all, and an address that is none. */
  async 'lists and searches that fail or are late do no harm'({ ann }) {
    const page = await ann()
    await say(page, 'slow boats')
    await page.getByText('2 of 20, about boats').waitFor()
    const { hash } = new URL(page.url())
    await newChat(page)
    await rest(500)
    assert.doesNotMatch(await page.locator('#announcer').innerText(), /End of the reply/)
    await page.evaluate(to => (location.hash = to), hash)
    await page.getByRole('button', { name: 'Stop the reply' }).click()
    await replied(page)
    await until('its end is said', async () => /End of the reply/.test(await page.locator('#announcer').innerText()))
    await say(page, 'echo giraffe')
    await replied(page, 1)

    await page.route('**/chat/sessions?limit=20&q=*', async route => {
      if (route.request().url().includes('giraffe')) await rest(1_500)
      await route.continue()
    })
    await page.getByLabel('Search').fill('giraffe')
    await rest(600)
    await page.getByLabel('Search').fill('nothing like this')
    await rest(2_000)
    assert.equal(await page.locator('.hit').count(), 0)
    await page.getByText('Nothing found.').waitFor()
    await page.getByLabel('Search').fill('')

    // A chat of a later page of the list has its name; and a page that could not be loaded is loaded the next time.
    const asked = []
    await page.route('**/chat/sessions?page=*', async route => {
      const { searchParams } = new URL(route.request().url())
      const number = searchParams.get('page')
      if (number === '2' && asked.push(number) === 1) return route.abort()
      const answer = await (await route.fetch({ url: route.request().url().replace('page=2', 'page=1') })).json()
      await route.fulfill({ json: { data: number === '1' ? [] : answer.data, meta: { ...answer.meta, totalPages: 2 } } })
    })
    await page.reload()
    await page.getByRole('heading', { name: 'slow boats' }).waitFor()
    assert.deepEqual(asked, [])
    const more = page.getByRole('button', { name: 'Show more' })
    await more.click()
    await page.locator('.toast').getByText('The server cannot be reached.').first().waitFor()
    await more.click()
    await more.waitFor({ state: 'detached' })
    assert.deepEqual(asked, ['2', '2'])

    await page.goto(new URL('#/r/%E0%A4%A', url).href)
    await page.reload()
    await page.locator('.greeting').waitFor()
  },

  /** Who answers is said also where it could not be asked who there is. */
  async 'a choice of who answers holds though the list of them fails'({ ann }) {
    let said
    const page = await ann(async it => {
      await it.addInitScript(() => localStorage.setItem('parlor-model', 'parlor-demo'))
      await it.route('**/v1/models', route => route.fulfill({ status: 503, body: '{}' }))
      await between(it, { up: frame => void (frame.type === 'chat' && (said = frame)) })
    })
    await say(page, 'echo chosen')
    await until('it is said', () => said)
    assert.equal(said.data.model_preference, 'parlor-demo')
  },
}

await inBrowser(async ({ person }) => {
  const wanted = process.argv.slice(2)
  /** Somebody, in as many windows as they like. */
  const guest = async () => {
    const first = await person()
    await comeAsGuest(first)
    const session = await first.evaluate(() => localStorage.getItem('parlor-session'))
    await first.context().close()
    return async (prepare = async page => {}, hash = '') => {
      const page = await person({ expected: ['ERR_INTERNET_DISCONNECTED', 'ERR_FAILED', 'status of 503', 'status of 404'] })
      await page.addInitScript(text => (localStorage['parlor-session'] ??= text), session)
      await prepare(page)
      await page.goto(new URL(hash, url).href)
      await composer(page).waitFor()
      return page
    }
  }
  const people = { ann: await guest(), bob: await guest(), guest }
  for (const [name, check] of Object.entries(checks)) {
    if (wanted.length && !wanted.some(it => name.includes(it))) continue
    console.log(name)
    await check(people)
  }
})
