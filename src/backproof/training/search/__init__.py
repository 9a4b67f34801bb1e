"""Search: many settings of one recipe, tried on a validation set by any number of workers.

Optuna proposes the settings and keeps the study; only what needs it imports it, as that takes a second.
"""
