"""The commands, one file each, and all that is printed: displays, signals, exit codes.

Nothing but ``__main__`` may import from here. What a command needs is imported inside it, so that --help is
quick.
"""
