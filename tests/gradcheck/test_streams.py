"""The streams that a check draws from meet no generator that a user would make."""

import numpy as np
import pytest

from backproof.gradcheck.streams import generator


def first(rng: np.random.Generator) -> tuple[float, ...]:
    return tuple(rng.normal(size=4))


@pytest.mark.parametrize("seed", [0, 1, 7, 2**32, 2**70])
def test_no_generator_of_a_users_gives_the_same_numbers(seed: int) -> None:
    root = np.random.SeedSequence(seed)
    users = [root, *root.spawn(3), np.random.SeedSequence(seed, spawn_key=(0, 0)), [seed, 0], [0, seed]]
    drawn = {first(np.random.default_rng(user)) for user in users}
    drawn |= {first(rng) for rng in np.random.default_rng(seed).spawn(3)}
    ours = [(), ("x",), ("dout",), ("x", "dout"), ("dout", "x"), ("xdout",), ("dout", "0"), ("dout", "1")]
    streams = {first(generator(seed, *purpose)) for purpose in ours}
    assert len(streams) == len(ours)
    assert not streams & drawn


def test_a_seed_and_a_purpose_always_give_the_same_numbers() -> None:
    assert first(generator(3, "dout")) == first(generator(3, "dout"))
    assert first(generator(3, "dout")) != first(generator(4, "dout"))
    assert generator(0, "dout").integers(10**6) == 123700
