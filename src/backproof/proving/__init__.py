"""Hold the equations against the code: every form under one label, side by side."""
