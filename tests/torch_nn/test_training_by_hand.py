"""Smoothing, clipping, momentum, weight decay and averaging in one training, beside PyTorch's own."""

import copy

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from backproof import numpy_nn
from backproof.proof import relative_error
from backproof.torch_nn.mlp import MLP
from backproof.torch_nn.numpy_arrays import load_numpy_arrays, numpy_arrays

STEPS = 50
SMOOTHING, MOST, DECAY = 0.2, 0.5, 0.9
OPTIMIZER = {"momentum": 0.9, "nesterov": True, "weight_decay": 5e-3}


def test_fifty_steps_and_their_average_are_those_of_torch(rng: np.random.Generator) -> None:
    ours, twin = numpy_nn.MLP(7, [8, 6], 4, 0.02, norm=True, rng=rng), MLP(7, [8, 6], 4, 0.02, norm="native")
    for param in ours.params.values():
        param[...] = rng.normal(scale=0.5, size=param.shape)
    load_numpy_arrays(twin.double(), ours.params | ours.buffers)
    averaged, loss = copy.deepcopy(ours), numpy_nn.SoftmaxCrossEntropy(smoothing=SMOOTHING)
    sgd = numpy_nn.SGD(ours.params, ours.grads, 0.1, **OPTIMIZER)
    averaging = numpy_nn.WeightAverage(averaged.params | averaged.buffers, ours.params | ours.buffers, DECAY)
    torch_sgd = torch.optim.SGD(twin.parameters(), 0.1, **OPTIMIZER)
    torch_average = AveragedModel(twin, multi_avg_fn=get_ema_multi_avg_fn(DECAY), use_buffers=True)
    norms = []
    for step in range(STEPS):
        x, labels = rng.normal(size=(9, 7)), rng.integers(0, 4, size=9)
        ours.train(step)
        value = loss.forward(ours.forward(x), labels)
        ours.backward_params(loss.backward())
        norms.append(numpy_nn.clip_gradients(ours.grads, MOST))
        sgd.step()
        averaging.update()

        torch_sgd.zero_grad()
        logits = twin(torch.tensor(x))
        torch_value = F.cross_entropy(logits, torch.tensor(labels), label_smoothing=SMOOTHING)
        torch_value.backward()
        torch_norm = torch.nn.utils.clip_grad_norm_(twin.parameters(), MOST)
        torch_sgd.step()
        torch_average.update_parameters(twin)
        assert value == pytest.approx(torch_value.item(), rel=1e-11)
        assert norms[-1] == pytest.approx(torch_norm.item(), rel=1e-11)
    assert min(norms) < MOST < max(norms)
    for own, theirs in ((ours, twin), (averaged, torch_average.module)):
        arrays = own.params | own.buffers
        for name, array in numpy_arrays(theirs).items():
            assert relative_error(arrays[name], array) <= 1e-12, name
