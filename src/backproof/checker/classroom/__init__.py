"""Check many folders, each by a process of its own, and write a table of their results."""
