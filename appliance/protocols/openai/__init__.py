"""OpenAI's chat completions: a bot is a model, and its tools run inside."""
