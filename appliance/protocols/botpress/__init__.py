"""The Botpress Chat API, so that the published `@botpress/chat` clients can talk to a bot."""
