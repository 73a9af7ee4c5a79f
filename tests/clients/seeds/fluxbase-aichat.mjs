// Environment: WS_URL, TOKEN. The example takes its class from Fluxbase's SDK; ours has the same name and methods.
import { FluxbaseAIChat } from '../../../static/client.js'

const chat = new FluxbaseAIChat({
  wsUrl: `${process.env.WS_URL}/ai/ws`,
  token: process.env.TOKEN,
  onContent: (delta, convId) => {
    process.stdout.write(delta)
  },
  onProgress: (step, message) => {
    console.log(`[${step}] ${message}`)
  },
  onQueryResult: (query, summary, rowCount, data) => {
    console.log(`Query: ${query}`)
    console.log(`Result: ${summary} (${rowCount} rows)`)
  },
  onDone: (usage) => {
    console.log(`\nTokens: ${usage?.total_tokens}`)
  },
  onError: (error, code) => {
    console.error(`Error: ${error} (${code})`)
  },
})
await chat.connect()
const convId = await chat.startChat('sql-assistant')
await chat.sendMessage(convId, 'Show me the top 10 users by order count')
