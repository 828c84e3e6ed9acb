/**
 * A client of Parlor's `rooms` dialect: for browsers, and for every program that has `WebSocket`, `fetch` and `crypto`.
 * No dependencies. `docs/web.md` shows how it is used.
 */
export { Backoff } from './backoff.js'
export { ParlorClient } from './client.js'
export { Emitter } from './emitter.js'
export { uuid } from './ids.js'
export { Problem } from './problem.js'
export { Session } from './session.js'
