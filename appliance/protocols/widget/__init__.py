"""What the widget asks beside the chat itself, below `/api/v1/widget`."""
