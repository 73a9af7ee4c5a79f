// Environment: URL, WEBHOOK_ID. The readme says `listMessages({ xChatKey, conversationId })`; the builds that take
// `xChatKey` (0.2.x) have that method under the name used here, so the published lines run nowhere.
import { Client } from 'botpress-chat-0.2.4'
const main = async () => {
  /**
   * You can find your webhook id in the the Botpress Dashboard.
   * Navigate to your bot's Chat Integration configuration. Look for:
   * https://webhook.botpress.cloud/$YOUR_WEBHOOK_ID
   */
  const webhookId = process.env.WEBHOOK_ID
  if (!webhookId) {
    throw new Error('WEBHOOK_ID is required')
  }
  const client = new Client({
    apiUrl: `${process.env.URL}/botpress/${webhookId}`,
  })
  // 0. create a chat user
  const { user, key: xChatKey } = await client.createUser({})
  // 1. create a conversation
  const { conversation } = await client.createConversation({ xChatKey, participants: [user.id] })
  // 2. send a message
  const { message } = await client.createMessage({
    xChatKey,
    conversationId: conversation.id,
    payload: {
      type: 'text',
      text: 'hello world',
    },
  })
  console.log('message', message)
  // 3. sleep for a bit
  await new Promise((resolve) => setTimeout(resolve, 2000))
  // 4. list messages
  const { messages } = await client.listConversationMessages({
    xChatKey,
    id: conversation.id,
  })
  console.log('messages', messages)
}
void main()
  .then(() => {
    console.log('done')
    process.exit(0)
  })
  .catch((err) => {
    console.error(err)
    process.exit(1)
  })
