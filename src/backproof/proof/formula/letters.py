"""The letters that all equations share."""

from backproof.proof.formula.notation import Size, Symbol, scalar

B = Size("B")
"""Samples of a batch."""
D = Size("D")
"""Features that come into a layer."""
M = Size("M")
"""Features that go out of it."""
C = Size("C")
"""Classes; in batch norm, channels."""
H, V = Size("H"), Size("V")
"""Pixels of an image, down and across."""
KH, KV = Size("K", "h"), Size("K", "v")
"""Pixels of a window, or of a kernel, down and across."""
HY, VY = Size("H", "y"), Size("V", "y")
"""Pixels of the image that comes out, one for each window that fits."""
STRIDE, PADDING = Size("S"), Size("P")
"""By how many pixels a window moves, and how many are added around the image."""

LOSS = Symbol("L")
SLOPE = Symbol("a")
"""LeakyReLU's slope below zero."""
EPSILON = Symbol("ε")
a, epsilon = scalar(SLOPE), scalar(EPSILON)
