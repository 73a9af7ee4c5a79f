"""Fluxbase AI chat: its WebSocket frames and its REST bodies, over our engine."""
