"""The multi-layer perceptron in PyTorch, with the layers and names of the NumPy one."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from backproof.torch_nn.layers_in_a_row import run_in_a_row
from backproof.torch_nn.make_batch_norm import make_batch_norm


class MLP(nn.Module):
    """Linear → [batch norm →] LeakyReLU [→ dropout] for every hidden size, then a last Linear.

    Maps (B, …) with ``n_inputs`` numbers a sample to logits (B, C). ``norm`` is none, manual, autograd or
    native. Parameters are called ``linear1.weight``, ``linear1.bias``, ``norm1.weight``, … where the number
    is the layer l = 1 … N of the derivations; the linear ones are the NumPy network's own names.
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: Sequence[int],
        n_classes: int,
        negative_slope: float,
        *,
        norm: str = "none",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        sizes = [n_inputs, *n_hidden, n_classes]
        for number, (d_in, d_out) in enumerate(pairwise(sizes), start=1):
            self.add_module(f"linear{number}", nn.Linear(d_in, d_out))
            if number == len(sizes) - 1:
                break
            if norm != "none":
                self.add_module(f"norm{number}", make_batch_norm(norm, d_out, spatial=False))
            self.add_module(f"activation{number}", nn.LeakyReLU(negative_slope))
            if dropout:
                self.add_module(f"dropout{number}", nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, …) to logits (B, C)."""
        return run_in_a_row(self.children(), x.flatten(1))


@torch.no_grad()
def draw_small_normal(mlp: MLP, rng: np.random.Generator, scale: float = 1e-4) -> None:
    """Set weights to N(0, scale²) and biases to zero: the numbers that a NumPy MLP draws from ``rng``."""
    for layer in mlp.children():
        if isinstance(layer, nn.Linear):
            layer.weight.copy_(torch.from_numpy(rng.normal(0.0, scale, size=layer.weight.shape)))
            layer.bias.zero_()
