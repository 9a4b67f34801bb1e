"""Neural networks whose every gradient is derived, written by hand, and proven.

Importing this package imports nothing heavy: ask for what you need, e.g. ``backproof.numpy_nn``.
"""

__version__ = "0.1.0"
