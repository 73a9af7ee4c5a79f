"""The AI SDK's own endpoint. Numbers in parentheses are sections of our page on Chatbase and the AI SDK."""
