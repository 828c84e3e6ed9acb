/**
 * What goes over the socket, as far as this client looks into it. `docs/protocol/rooms.md` has all of it.
 *
 * @typedef {{ room_id: string } | { conversation_id: string }} Place where something is said
 *
 * @typedef {object} Reaction
 * @property {string} emoji
 * @property {number} count
 * @property {string[]} user_ids the first 50
 *
 * @typedef {object} Message a message of the log
 * @property {'user' | 'assistant'} role
 * @property {string} content
 * @property {string} conversation_id
 * @property {string} [room_id]
 * @property {string} message_id
 * @property {number} seq its place in the log
 * @property {string} timestamp
 * @property {string} [user_id] who wrote it
 * @property {string} [username]
 * @property {string} [client_message_id] the sender's own id of it
 * @property {string} [message_type]
 * @property {string} [edited_at]
 * @property {boolean} [deleted]
 * @property {Reaction[]} [reactions]
 * @property {boolean} [done] of a reply: it is whole
 * @property {string} [in_reply_to] of a reply: what it answers
 * @property {'complete' | 'stopped' | 'failed' | 'interrupted'} [status]
 * @property {number} [tokens_used]
 * @property {string | null} [model_used]
 * @property {string} [assistant] the name of the assistant that made it, where one did
 * @property {number | null} [cost_usd]
 * @property {number} [response_time] seconds
 * @property {boolean} [replayed]
 * @property {any[]} [attachments]
 * @property {any[]} [citations]
 *
 * @typedef {object} Frame
 * @property {string} type
 * @property {any} [data]
 * @property {string} [room_id]
 * @property {string} [message_id]
 *
 * @typedef {object} Stream a reply that is being made
 * @property {string} message_id
 * @property {string} conversation_id
 * @property {string} [room_id]
 * @property {string} [in_reply_to]
 * @property {string} text all of it so far
 * @property {string} piece what came now
 * @property {boolean} anew whether what was shown of it counts no more
 *
 * @typedef {object} Thoughts what goes with a reply while it is made; it is in no message later. The same object each time
 * @property {string} message_id the reply's
 * @property {string} conversation_id
 * @property {string} reasoning what the model has thought aloud
 * @property {{ id?: string, name: string, arguments: string }[]} calls of tools that it wants
 *
 * @typedef {object} Receipt
 * @property {string} message_id the author's own id
 * @property {'delivered' | 'read'} status
 * @property {string} server_message_id
 * @property {number} seq
 * @property {string} conversation_id
 * @property {string} [room_id]
 * @property {string} [user_id] who has read
 * @property {string} timestamp
 *
 * @typedef {object} SendOptions
 * @property {string} [model_preference]
 * @property {string} [assistant_id]
 * @property {string} [system_prompt]
 * @property {number} [temperature]
 * @property {number} [max_tokens]
 * @property {string[]} [attachments] ids of files
 *
 * @typedef {object} Outgoing a message on its way
 * @property {string} id the client's own id of it
 * @property {Place | { pending: string } | null} place none makes a conversation; `pending` is the one that another
 *   message on its way will make
 * @property {string} text
 * @property {SendOptions} options
 * @property {string} at when it was written
 * @property {any[]} [files] what is shown of its attachments, for pages that have any
 *
 * @typedef {'closed' | 'offline' | 'connecting' | 'online'} ConnectionState
 *
 * @typedef {object} Events
 * @property {{ state: ConnectionState, retryAt?: number }} state
 * @property {any} ready the connection is open: the data of `connect`
 * @property {Message} message
 * @property {Message} updated a message as it is now
 * @property {Stream} stream
 * @property {Thoughts} thoughts
 * @property {Stream} streamEnd nothing more comes of this reply on this connection, and it is not known how it ended
 * @property {any} typing
 * @property {any} presence
 * @property {Receipt} receipt
 * @property {{ outgoing: Outgoing, confirmation: Receipt }} sent
 * @property {{ outgoing: Outgoing, problem: import('./problem.js').Problem }} failed
 * @property {any} resumed
 * @property {Frame} frame every other frame
 * @property {{ problem: import('./problem.js').Problem, message_id?: string }} problem a refusal that nobody waits for
 * @property {import('./problem.js').Problem} signedOut no credential is taken any more
 */

export {}
