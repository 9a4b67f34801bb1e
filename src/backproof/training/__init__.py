"""Training: settings, recipes, the loop, runs, checkpoints and records.

It prints and draws nothing: neither the command line nor the report may be imported here.
"""
