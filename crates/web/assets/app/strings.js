// Every word that the pages say, in one place. A translation is another one of these.

const number = new Intl.NumberFormat('en')
const dollars = new Intl.NumberFormat('en', { style: 'currency', currency: 'USD', maximumSignificantDigits: 3 })
const time = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hour12: false })
const day = new Intl.DateTimeFormat('en', { weekday: 'long', day: 'numeric', month: 'long' })
const date = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short' })

const count = (n, one, many) => `${number.format(n)} ${n === 1 ? one : many}`
const DAY = 86_400_000

/** What a day is called, seen from today. */
const dayName = when => {
  const midnight = new Date(new Date().setHours(0, 0, 0, 0)).getTime()
  if (when >= midnight) return 'Today'
  return when >= midnight - DAY ? 'Yesterday' : day.format(when)
}

export const t = {
  name: 'Parlor',
  tagline: 'People and AI, in one conversation.',
  skip: 'Skip to the conversation',

  signIn: {
    title: 'Welcome',
    tryIt: 'Try it now',
    tryHint: 'No account, nothing to install. You are a guest on this server.',
    or: 'or with an account',
    signIn: 'Sign in',
    signUp: 'Create account',
    email: 'Email',
    password: 'Password',
    passwordHint: 'At least 8 characters.',
    username: 'Name',
    usernameHint: 'What others see. Optional.',
    code: 'Code',
    codeSent: email => `We sent a code of six digits to ${email}.`,
    codeHint: 'Without a mail server, this server writes its mail into the folder outbox of its data folder.',
    verify: 'Continue',
    back: 'Back',
    toSignUp: 'No account yet? Create one',
    toSignIn: 'Have an account? Sign in',
    ended: 'Your sign-in has ended. Sign in again.',
  },

  sidebar: {
    label: 'Conversations',
    newChat: 'New chat',
    newRoom: 'New room',
    browse: 'Browse rooms',
    search: 'Search',
    searchHint: 'Search (Ctrl K)',
    rooms: 'Rooms',
    chats: 'Chats',
    nothing: 'Nothing found.',
    noChats: 'Your conversations will be here.',
    unread: n => count(n, 'unread message', 'unread messages'),
    account: 'Account',
    more: 'Show more',
    today: 'Today',
    yesterday: 'Yesterday',
    week: 'This week',
    earlier: 'Earlier',
  },

  account: {
    theme: 'Colours',
    system: 'System',
    light: 'Light',
    dark: 'Dark',
    name: 'Your name',
    save: 'Save',
    signOut: 'Sign out',
    admin: 'Operations',
    shortcuts: 'Keyboard shortcuts',
    guest: 'You are a guest: what you say is gone for you when you sign out.',
    usage: (used, budget) =>
      budget == null ? count(used, 'token', 'tokens') + ' used' : `${number.format(used)} of ${count(budget, 'token', 'tokens')} used`,
  },

  shortcuts: [
    ['Enter', 'Send'],
    ['Shift Enter', 'New line'],
    ['Ctrl K', 'Search'],
    ['Ctrl Shift O', 'New chat'],
    ['↑ in an empty message', 'Edit your last message'],
    ['Escape', 'Stop the reply, or close'],
  ],

  empty: {
    title: name => (name ? `Hello, ${name}.` : 'Hello.'),
    words: 'Ask something, or open a room and bring people.',
    ideas: ['What can you do?', 'count to 20', 'echo:\n\n### Markdown\n\n- **Lists**, *emphasis*, `code`\n- [links](https://example.org)\n\n```rust\nfn main() {\n    println!("and whole programs"); // in colour\n}\n```'],
    ideaNames: ['What can you do?', 'Count to 20', 'Show me Markdown'],
  },

  thread: {
    label: title => `Conversation: ${title}`,
    messages: 'Messages',
    untitled: 'New chat',
    menu: 'More',
    back: 'All conversations',
    members: n => count(n, 'member', 'members'),
    online: n => `${number.format(n)} online`,
    you: 'You',
    assistant: 'Assistant',
    somebody: 'Somebody',
    deleted: 'This message was deleted.',
    edited: 'edited',
    loading: 'Loading earlier messages…',
    newest: 'To the newest message',
    newMessages: n => count(n, 'new message', 'new messages'),
    typing: names => {
      if (names.length === 1) return `${names[0]} is typing…`
      return names.length === 2 ? `${names[0]} and ${names[1]} are typing…` : 'Several people are typing…'
    },
    beginning: 'This is the beginning.',
    roomBeginning: name => `This is the beginning of ${name}.`,
  },

  message: {
    copy: 'Copy',
    copied: 'Copied',
    edit: 'Edit',
    remove: 'Delete',
    react: 'React',
    regenerate: 'Another reply',
    stop: 'Stop',
    previous: 'Previous reply',
    next: 'Next reply',
    alternative: (n, of) => `Reply ${n} of ${of}`,
    save: 'Save',
    resend: 'Save and ask again',
    cancel: 'Cancel',
    retry: 'Try again',
    discard: 'Discard',
    thinking: 'Thinking…',
    stopped: 'Stopped.',
    failed: 'This reply failed.',
    interrupted: 'This reply was interrupted.',
    waiting: 'Waiting for the connection',
    sending: 'Sending',
    sent: 'Sent',
    delivered: 'Delivered',
    read: 'Read',
    readBy: names => `Read by ${names.join(', ')}`,
    sources: 'Sources',
    image: 'Image',
    reaction: (emoji, n) => `${emoji} ${count(n, 'reaction', 'reactions')}`,
    thoughts: 'Thoughts',
    calls: n => count(n, 'tool call', 'tool calls'),
  },

  composer: {
    label: 'Message',
    placeholder: 'Write a message…',
    inRoom: name => `Message ${name}. @ai asks the assistant.`,
    send: 'Send',
    stop: 'Stop the reply',
    attach: 'Attach files',
    tooLong: 'A message has at most 64 KiB.',
    drop: 'Drop files here',
  },

  answerer: {
    label: 'Who answers here',
    button: name => `Who answers: ${name}`,
    automatic: 'Automatic',
    automaticDetail: 'The server chooses a model.',
    automaticRoom: 'No assistant of its own.',
    assistants: 'Assistants',
    models: 'Models',
    own: 'yours',
  },

  upload: {
    label: 'Files for this message',
    pause: name => `Pause ${name}`,
    resume: name => `Resume ${name}`,
    cancel: name => `Remove ${name}`,
    again: name => `Upload ${name} again`,
    queued: 'Next',
    /** How an upload stands, by its state. */
    states: {
      waiting: 'Waiting for the connection',
      paused: 'Paused',
      checking: 'Being checked',
      pending: 'Waits for the virus scanner',
      done: 'Ready',
      cancelled: 'Removed',
    },
    percent: percent => `${percent} %`,
    progress: (name, percent) => `${name}, ${percent} %`,
    added: names => `Attached: ${names.join(', ')}`,
    isDone: name => `${name} is uploaded.`,
    isRefused: (name, words) => `${name}: ${words}`,
    most: n => `A message has at most ${n} files.`,
    held: 'The message is sent once its files are uploaded.',
    hold: 'Do not send yet',
    notSent: 'The message was not sent: a file failed.',
    /** What a message of files alone says. */
    only: names => names.join(', '),
    size: bytes => {
      if (bytes < 1_000) return `${bytes} B`
      return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(0)} KB` : `${(bytes / 1_000_000).toFixed(1)} MB`
    },
    download: (name, size) => `Download ${name}, ${size}`,
  },

  room: {
    create: 'Create room',
    name: 'Name',
    kind: 'Who may come in',
    private: 'You and one other person',
    shared: 'Everybody on this server',
    group: 'Whom you add',
    ai: 'The assistant answers',
    always: 'every message',
    mention: 'when it is called with @ai',
    off: 'never',
    browse: 'Rooms on this server',
    join: 'Enter',
    joined: 'You are a member',
    none: 'There are no shared rooms yet.',
    members: 'Members',
    add: 'Add somebody',
    userId: 'Their user id',
    yourId: 'Your user id',
    remove: 'Remove',
    leave: 'Leave the room',
    deleteRoom: 'Delete the room',
    deleteChat: 'Delete the chat',
    exportAs: form => `Export as ${form}`,
    copyLink: 'Copy link',
    roles: { owner: 'owner', moderator: 'moderator', member: 'member' },
    sureDelete: name => `Delete “${name}”?`,
    deleteChatWords: 'It can be brought back for a while.',
    deleteRoomWords: 'Its messages are gone for everybody.',
    sureLeave: name => `Leave “${name}”?`,
    leaveWords: 'You get no more of its messages.',
    cancel: 'Cancel',
    gone: 'This room is not there any more.',
  },

  connection: {
    offline: 'You are offline. What you write is sent when the connection is back.',
    connecting: 'Connecting…',
    back: 'Connected again.',
  },

  announce: {
    thinking: 'The assistant is replying.',
    done: 'End of the reply.',
    from: (name, text) => `${name}: ${text}`,
  },

  restored: 'Undo',
  chatDeleted: 'The chat was deleted.',
  close: 'Close',

  /** What a refusal means for a person, by its code. */
  problems: {
    UNREACHABLE: 'The server cannot be reached.',
    INVALID_CREDENTIALS: 'The address or the password is wrong.',
    INVALID_CODE: 'This code is wrong or too old.',
    INVALID_TOKEN: 'Your sign-in has ended. Sign in again.',
    RATE_LIMIT: 'Too much at once. Wait a moment.',
    CHAT_RATE_LIMIT_EXCEEDED: 'Too many messages at once. Wait a moment.',
    TOKEN_BUDGET_EXCEEDED: 'Your tokens are used up.',
    AI_UNAVAILABLE: 'No AI is there to answer now.',
    AI_CANISTER_UNAVAILABLE: 'No AI is there to answer now.',
    MODEL_NOT_FOUND: 'Nobody serves this model.',
    CONTENT_FLAGGED: 'This was held back by moderation.',
    CONTEXT_TOO_LONG: 'This is too long for the model.',
    ROOM_FULL: 'This room is full.',
    ROOM_NOT_FOUND: 'There is no such room, or it is not for you.',
    ROOM_ACCESS_DENIED: 'This room is not for you.',
    CONVERSATION_NOT_FOUND: 'There is no such conversation.',
    MESSAGE_TOO_LONG: 'This message is too long.',
    FILE_TOO_LARGE: 'This file is too large.',
    FILE_TYPE_NOT_ALLOWED: 'Files of this kind are not taken.',
    CHECKSUM_MISMATCH: 'This file was changed while it was uploaded.',
    FILE_UNREADABLE: 'This file cannot be read any more.',
    UPLOAD_NOT_FOUND: 'This file is not there any more.',
    VIRUS_FOUND: 'This file has a virus and was removed.',
    SCANNER_UNAVAILABLE: 'Files cannot be checked for viruses now. Try again later.',
    INTERNAL: 'The server failed. Try again.',
  },
  problem: problem => t.problems[problem.code] ?? problem.message,

  time: when => time.format(new Date(when)),
  day: when => dayName(new Date(when).getTime()),
  when: at => {
    const when = new Date(at).getTime()
    return Date.now() - when < DAY && dayName(when) === 'Today' ? time.format(when) : date.format(when)
  },
  number: n => number.format(n),
  tokens: n => count(n, 'token', 'tokens'),
  cost: n => (n === 0 ? 'free' : dollars.format(n)),
  seconds: n => `${n.toFixed(1)} s`,
}
