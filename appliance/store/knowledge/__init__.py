"""SQL of knowledge bases: documents, chunks, their words and vectors, and searching them."""
