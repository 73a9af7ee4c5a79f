"""The chat API of Lexicon Labs: a WebSocket for messages, REST for chats."""
