"""The commands, one file each; whatever one needs is imported inside it, so that --help comes at once."""
