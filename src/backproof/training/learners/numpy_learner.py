"""The NumPy network as the training loop sees it."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from backproof.arrays import Images, Labels, State
from backproof.numpy_nn import optimizers
from backproof.numpy_nn.activations import Softmax
from backproof.numpy_nn.array_checks import Array
from backproof.numpy_nn.losses import SoftmaxCrossEntropy
from backproof.numpy_nn.mlp import MLP
from backproof.numpy_nn.optimizers import Optimizer
from backproof.training.config import TrainConfig
from backproof.training.learners.protocol import Metrics
from backproof.training.optimizers import OPTIMIZERS


class NumpyLearner:
    """An MLP trained on softmax cross entropy, in float32."""

    device = "cpu"
    notes = ()

    def __init__(
        self, config: TrainConfig, image_shape: tuple[int, ...], n_classes: int, rng: np.random.Generator
    ) -> None:
        self.mlp = MLP(
            math.prod(image_shape), config.hidden, n_classes, config.negative_slope, rng=rng, dtype=np.float32
        )
        self.loss = SoftmaxCrossEntropy()
        name = OPTIMIZERS[config.optimizer].numpy_class
        assert name is not None  # Recipe.configure refuses those that NumPy's networks lack
        make_optimizer: type[Optimizer] = getattr(optimizers, name)
        self.optimizer = make_optimizer(self.mlp.params, self.mlp.grads, config.learning_rate)

    def step(self, images: Images, labels: Labels) -> Metrics:
        """Train on one batch; the metrics are those before the update."""
        # A diverging run overflows here; the loop sees its loss and raises DivergedError.
        with np.errstate(over="ignore", invalid="ignore"):
            logits = self.mlp.forward(_flat(images))
            loss = self.loss.forward(logits, labels)
            self.mlp.backward_params(self.loss.backward())
            self.optimizer.step()
        return Metrics(float(loss.real), _n_correct(logits, labels) / len(labels))

    def evaluate(self, batches: Iterable[tuple[Images, Labels]]) -> Metrics:
        """Measure over all the batches, training nothing."""
        loss_sum, n_correct, n = 0.0, 0, 0
        for images, labels in batches:
            with np.errstate(over="ignore", invalid="ignore"):
                logits = self.mlp.forward(_flat(images))
                loss_sum += float(self.loss.forward(logits, labels).real) * len(labels)
            n_correct += _n_correct(logits, labels)
            n += len(labels)
        return Metrics(loss_sum / n, n_correct / n)

    def gradient_norms(self) -> dict[str, float]:
        """Return the L2 norm of the latest step's gradient of each layer's weights, from input to output."""
        return {
            name.removesuffix(".weight"): float(np.linalg.norm(grad.astype(np.float64)))
            for name, grad in self.mlp.grads.items()
            if name.endswith(".weight")
        }

    def first_weights(self) -> npt.NDArray[np.floating[Any]]:
        """Return a copy of the first layer's weights (M, D)."""
        return self.mlp.params["linear1.weight"].copy()

    def probabilities(self, images: Images) -> npt.NDArray[np.floating[Any]]:
        """Return each image's class probabilities (B, C)."""
        return Softmax().forward(self.mlp.forward(_flat(images)))

    def state(self) -> State:
        """Return the parameters, and the optimizer's own arrays under ``optimizer.``."""
        optimizer_state = {f"optimizer.{name}": value for name, value in self.optimizer.state.items()}
        return self.mlp.params | optimizer_state

    def load_state(self, state: State) -> None:
        """Take all arrays from a saved state (ValueError if it is another network's)."""
        for name, array in self.state().items():
            if name not in state or state[name].shape != array.shape:
                raise ValueError(f"the state has no {name} of shape {array.shape}")
            array[...] = state[name]


def _flat(images: Images) -> Array:
    """View each image (channels, height, width) as a vector."""
    return images.reshape(len(images), -1)


def _n_correct(logits: Array, labels: Labels) -> int:
    return int(np.count_nonzero(logits.argmax(axis=1) == labels))
