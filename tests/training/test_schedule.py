"""The learning rate of each step, beside the same schedule as PyTorch's schedulers have it."""

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

from backproof.training.schedule import Schedule


def torch_rates(name: str, n_warmup: int, steps: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.3)
    fall = {
        "constant": LinearLR(optimizer, 1.0, 1.0),
        "linear": LinearLR(optimizer, 1.0, 0.0, steps - n_warmup),
        "cosine": CosineAnnealingLR(optimizer, steps - n_warmup),
    }[name]
    rise = LinearLR(optimizer, 1 / (n_warmup + 1), 1.0, n_warmup)
    schedule = SequentialLR(optimizer, [rise, fall], [n_warmup]) if n_warmup else fall
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


@pytest.mark.filterwarnings("ignore:The epoch parameter")
@pytest.mark.parametrize("name", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("warmup", [0.0, 0.3])
def test_rates_are_those_of_pytorchs_schedulers(name: str, warmup: float) -> None:
    schedule = Schedule(0.3, name, warmup, 20)
    ours = [schedule(step) for step in range(1, 21)]
    np.testing.assert_allclose(ours, torch_rates(name, round(warmup * 20), 20), rtol=1e-12)


@pytest.mark.parametrize("name", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("warmup", [0.0, 0.5, 0.99])
def test_every_step_trains(name: str, steps: int, warmup: float) -> None:
    schedule = Schedule(0.3, name, warmup, steps)
    assert all(0 < schedule(step) <= 0.3 for step in range(1, steps + 1))


def test_the_peak_is_reached_and_left() -> None:
    rates = [Schedule(1.0, "linear", 0.25, 8)(step) for step in range(1, 9)]
    assert rates == pytest.approx([1 / 3, 2 / 3, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])
