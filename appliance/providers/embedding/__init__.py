"""Embedders: texts to vectors, by a service or by a small model of our own."""
