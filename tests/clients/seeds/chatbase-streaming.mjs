// Environment: URL, AGENT_ID, KEY.
const response = await fetch(
  `${process.env.URL}/api/v2/agents/${process.env.AGENT_ID}/chat`,
  {
    method: "POST",
    headers: {
      Authorization: `Bearer ${process.env.KEY}`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify({
      message: "Explain quantum computing",
      stream: true,
      // conversationId: "a1b2c3d4-...", // omit to start a new conversation
      // userId: "user_abc123",          // associate a user with the conversation
    }),
  }
);

const reader = response.body.getReader();
const decoder = new TextDecoder();
let conversationId;
let userId;

while (true) {
  const { done, value } = await reader.read();
  if (done) break;

  const lines = decoder.decode(value, { stream: true }).split("\n");
  for (const line of lines) {
    if (!line.trim()) continue;
    const event = JSON.parse(line);

    switch (event.type) {
      case "start":
        console.log("Message ID:", event.messageId);
        break;
      case "text-delta":
        process.stdout.write(event.delta);
        break;
      case "finish":
        conversationId = event.metadata.conversationId;
        userId = event.metadata.userId;
        console.log("\nCredits used:", event.metadata.usage.credits);
        break;
    }
  }
}
