"""A chat-bot appliance for small teams: one process, one SQLite file, one script tag."""
