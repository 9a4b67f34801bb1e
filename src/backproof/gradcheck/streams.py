"""The random numbers that a check draws: streams of its own, which no generator of a user's gives."""

from zlib import crc32

import numpy as np

_KEY = 0x6F1D2C5B_93A8E740_B15C07D9_4E62F38B
"""128 random bits. A user's ``default_rng(seed)`` has no spawn key, and ``SeedSequence.spawn`` counts from 0."""


def generator(seed: int, *purpose: str) -> np.random.Generator:
    """Return the generator for one purpose, such as ``generator(0, "dout")``.

    The same seed and purpose give the same numbers on every machine; another purpose gives independent ones,
    so that two arrays that are compared never come from one stream. ValueError for a negative seed.
    """
    words = tuple(crc32(text.encode()) for text in purpose)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_KEY, *words)))
