// Environment: URL, WEBHOOK_ID. The readme's pieces about real-time events and reconnection, joined; see
// botpress-chat.mjs for `listConversationMessages`. Ours are the lines up to the listener, and those after the last.
import { Client } from 'botpress-chat-0.2.4'

const client = new Client({ apiUrl: `${process.env.URL}/botpress/${process.env.WEBHOOK_ID}` })
const { user, key: xChatKey } = await client.createUser({})
const { conversation } = await client.createConversation({ xChatKey, participants: [user.id] })
const say = (text) =>
  client.createMessage({ xChatKey, conversationId: conversation.id, payload: { type: 'text', text } })
const messages = []

const listener = await client.listenConversation({ id: conversation.id, xChatKey })
listener.on('message_created', (ev) => {
  if (ev.userId === user.id) {
    // message created by my current user, ignoring...
    return
  }
  console.log('message received >>>', ev)
})

const state = { messages }
const onDisconnection = async () => {
  try {
    await listener.connect()
    const { messages } = await client.listConversationMessages({ xChatKey, id: conversation.id })
    state.messages = messages
    console.log('reconnected', messages.length)
    await say('again')
  } catch (thrown) {
    console.error('failed to reconnect, retrying...', thrown)
    setTimeout(onDisconnection, 1000) // consider using a backoff strategy
  }
}
listener.on('error', (err) => {
  console.error('connection lost', err)
  void onDisconnection()
})

await say('hello')
