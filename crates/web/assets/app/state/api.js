// The HTTP routes that the page uses.

/** @param {import('../../parlor-client/session.js').Session} session */
export const api = session => ({
  chats: (page = 1, limit = 100) => session.json(`/chat/sessions?page=${page}&limit=${limit}`),
  chat: id => session.json(`/chat/sessions/${id}?limit=1`),
  search: words => session.json(`/chat/sessions?limit=20&q=${encodeURIComponent(words)}`),
  deleteChat: id => session.json(`/chat/sessions/${id}`, { method: 'DELETE' }),
  restoreChat: id => session.json(`/chat/sessions/${id}/restore`, { method: 'POST' }),
  exportChat: async (id, format) => (await session.fetch(`/chat/sessions/${id}/export?format=${format}`)).blob(),
  rooms: (scope = 'own', after) => {
    const query = new URLSearchParams({ scope, limit: '200', ...(after ? { after } : {}) })
    return session.json(`/api/v1/ws/rooms?${query}`)
  },
  room: id => session.json(`/api/v1/ws/rooms/${encodeURIComponent(id)}`),
  members: id => session.json(`/api/v1/ws/rooms/${encodeURIComponent(id)}/members?limit=200`),
  createRoom: room => session.json('/api/v1/ws/rooms', { method: 'POST', body: JSON.stringify(room) }),
  deleteRoom: id => session.json(`/api/v1/ws/rooms/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  me: () => session.json('/api/v1/users/me'),
  rename: username => session.json('/api/v1/users/me', { method: 'PATCH', body: JSON.stringify({ username }) }),
  assistants: () => session.json('/api/v1/ai/assistants'),
  roomAssistant: id => session.json(`/api/v1/ws/rooms/${encodeURIComponent(id)}/assistant`),
  setRoomAssistant: (id, assistant) =>
    session.json(`/api/v1/ws/rooms/${encodeURIComponent(id)}/assistant`, { method: 'PUT', body: JSON.stringify({ assistant }) }),
  linkFile: id => session.json(`/api/v1/files/${id}/link`, { method: 'POST' }),
  deleteFile: id => session.fetch(`/api/v1/files/${id}`, { method: 'DELETE' }),
  models: () => session.json('/v1/models'),
})
