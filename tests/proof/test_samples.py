"""Samples are drawn from streams of their own: no two arrays of a sample are alike."""

from itertools import combinations

import numpy as np
import pytest

from backproof.gradcheck.derivatives import relative_error
from backproof.gradcheck.streams import generator
from backproof.proof.equations import EQUATIONS
from backproof.proof.formula.expression import Array
from backproof.proof.formula.notation import Name, grad
from backproof.proof.prove import SAMPLES, SEED


def drawn(label: str, number: int) -> dict[Name, Array]:
    """Return a sample's inputs and upstream gradients, and the directions of Taylor remainders."""
    equation = EQUATIONS[label]
    sample = equation.sample(SEED, number)
    arrays = {name: array for name, array in sample.arrays.items() if name not in equation.graph.defined}
    upstream = {grad(symbol): array for symbol, array in sample.upstream.items()}
    directions = {
        f"direction like {name}": generator(SEED, "proof", label, "direction", str(number)).normal(
            size=array.shape
        )
        for name, array in arrays.items()
    }
    every = {**arrays, **upstream, **directions}
    return {name: np.asarray(array) for name, array in every.items() if array.size > 1}


@pytest.mark.parametrize("label", EQUATIONS)
def test_no_two_arrays_of_a_sample_are_alike(label: str) -> None:
    samples = [drawn(label, number) for number in range(SAMPLES)]
    for one, two in combinations(samples[0], 2):
        if isinstance(one, str) and isinstance(two, str):
            continue  # one direction is drawn, like whichever array it moves
        pairs = [(sample[one], sample[two]) for sample in samples]
        if pairs[0][0].shape != pairs[0][1].shape:
            continue
        for a, b in pairs:
            scale = np.vdot(a, b) / np.vdot(b, b)
            assert relative_error(a, scale * b) > 1e-3, (one, two)
        # Signs of what differs from the mean: some arrays are positive by their nature.
        same = [np.array_equal(np.sign(a - a.mean()), np.sign(b - b.mean())) for a, b in pairs]
        assert not all(same), (one, two)


def test_samples_differ_by_number_and_seed() -> None:
    equation = EQUATIONS["bn.dx"]
    firsts = [
        next(iter(equation.sample(seed, number).arrays.values())).flat[0]
        for seed in (0, 1)
        for number in (0, 1)
    ]
    assert len(set(firsts)) == 4


def test_a_users_seed_does_not_draw_a_samples_numbers() -> None:
    [x, *_] = EQUATIONS["linear.y"].sample(SEED).arrays.values()
    for seed in (SEED, 0, [SEED, *b"linear.y"]):
        assert not set(np.random.default_rng(seed).normal(size=1000)) & set(x.flat)
