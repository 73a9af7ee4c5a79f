"""Chatbase's API v2. Numbers in parentheses are sections of our page on this protocol."""
