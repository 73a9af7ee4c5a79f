"""Reading documents: from the bytes of a file to its text, in a process of its own."""
