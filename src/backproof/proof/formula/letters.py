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

LOSS = Symbol("L")
SLOPE = Symbol("a")
"""LeakyReLU's slope below zero."""
EPSILON = Symbol("ε")
a, epsilon = scalar(SLOPE), scalar(EPSILON)
