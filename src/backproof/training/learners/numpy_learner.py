"""The NumPy networks as the training loop sees them."""

import copy
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from backproof.arrays import Images, Labels, State
from backproof.data.views import views
from backproof.errors import ConfigError
from backproof.numpy_nn import optimizers
from backproof.numpy_nn.activations import Softmax
from backproof.numpy_nn.array_checks import Array
from backproof.numpy_nn.averaging import WeightAverage
from backproof.numpy_nn.clipping import clip_gradients
from backproof.numpy_nn.convnet import ConvNet
from backproof.numpy_nn.initialization import draw_local, set_dirac
from backproof.numpy_nn.losses import SoftmaxCrossEntropy
from backproof.numpy_nn.mlp import MLP
from backproof.numpy_nn.optimizers import Optimizer
from backproof.numpy_nn.sequential import Sequential
from backproof.training.config import TrainConfig
from backproof.training.learners.network_settings import (
    hidden_weights,
    later_convolutions,
    require_convnet_settings,
    require_mlp_settings,
)
from backproof.training.learners.protocol import Metrics
from backproof.training.optimizers import OPTIMIZERS


def mlp_learner(
    config: TrainConfig, image_shape: tuple[int, ...], n_classes: int, rng: np.random.Generator
) -> "NumpyLearner":
    """Make the MLP of the settings, its weights drawn from ``rng`` (ConfigError)."""
    require_mlp_settings(config)
    _require_by_hand(config)
    n_inputs = math.prod(image_shape)
    network = MLP(
        n_inputs,
        config.hidden,
        n_classes,
        config.negative_slope,
        norm=config.batch_norm != "none",
        dropout=config.dropout,
        dropout_seed=config.seed,
        initialization="normal" if config.initialization == "normal" else "uniform",
        rng=rng,
        dtype=np.float32,
    )
    if config.initialization == "local":
        draw_local(hidden_weights(network.params), image_shape, rng)
    return NumpyLearner(network, config, flatten=True)


def convnet_learner(
    config: TrainConfig, image_shape: tuple[int, ...], n_classes: int, rng: np.random.Generator
) -> "NumpyLearner":
    """Make the ConvNet of the settings, its weights drawn from ``rng`` (ConfigError)."""
    require_convnet_settings(config, image_shape)
    _require_by_hand(config)
    network = ConvNet(image_shape[0], n_classes, rng=rng, dtype=np.float32)
    if config.dirac:
        for weight in later_convolutions(network.params):
            set_dirac(weight)
    return NumpyLearner(network, config, flatten=False)


def _require_by_hand(config: TrainConfig) -> None:
    if config.batch_norm not in ("none", "manual"):
        raise ConfigError(
            f"in NumPy batch norm is written by hand: batch_norm is manual, not {config.batch_norm}"
        )


class NumpyLearner:
    """A network trained on softmax cross entropy; ``flatten`` says whether it takes images as rows (B, D)."""

    device = "cpu"
    notes = ()

    def __init__(self, network: Sequential, config: TrainConfig, *, flatten: bool) -> None:
        self.network = network
        self.loss = SoftmaxCrossEntropy(smoothing=config.label_smoothing)
        self._evaluation_loss = SoftmaxCrossEntropy()
        name = OPTIMIZERS[config.optimizer].numpy_class
        assert name is not None  # Recipe.configure refuses those that NumPy's networks lack
        make_optimizer: type[Optimizer] = getattr(optimizers, name)
        self.optimizer = make_optimizer(
            network.params,
            network.grads,
            config.learning_rate,
            weight_decay=config.weight_decay,
            **({"momentum": config.momentum, "nesterov": config.nesterov} if config.momentum else {}),
        )
        self._clip_norm = config.clip_norm
        self.evaluated = network
        """What evaluations and predictions use: the averaged network where there is an average."""
        self._average = None
        if config.ema_decay:
            self.evaluated = copy.deepcopy(network)
            # Running statistics are averaged like weights.
            self._average = WeightAverage(
                self.evaluated.params | self.evaluated.buffers,
                network.params | network.buffers,
                config.ema_decay,
            )
        self._flatten = flatten
        self._batch_size = config.batch_size
        # Dropout's random numbers are a function of seed and step: resuming needs no generator's state.
        self._n_steps = np.zeros((), np.int64)
        self._counts_steps = config.dropout > 0

    @property
    def learning_rate(self) -> float:
        """Of the next step."""
        return self.optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self.optimizer.learning_rate = rate

    def step(self, images: Images, labels: Labels) -> Metrics:
        """Train on one batch; the metrics are those before the update."""
        # A diverging run overflows here; the loop sees its loss and raises DivergedError.
        with np.errstate(over="ignore", invalid="ignore"):
            self.network.train(int(self._n_steps))
            logits = self.network.forward(self._inputs(images))
            loss = self.loss.forward(logits, labels)
            self.network.backward_params(self.loss.backward())
            if self._clip_norm:
                clip_gradients(self.network.grads, self._clip_norm)
            self.optimizer.step()
            if self._average is not None:
                self._average.update()
        self._n_steps += 1
        return Metrics(float(loss.real), _n_correct(logits, labels) / len(labels))

    def evaluate(self, batches: Iterable[tuple[Images, Labels]], n_views: int = 1) -> Metrics:
        """Measure over all the batches, training nothing; see Learner."""
        loss_sum, n_correct, n = 0.0, 0, 0
        for images, labels in batches:
            logits = self._logits(images, n_views)
            with np.errstate(over="ignore", invalid="ignore"):
                loss_sum += float(self._evaluation_loss.forward(logits, labels).real) * len(labels)
            n_correct += _n_correct(logits, labels)
            n += len(labels)
        return Metrics(loss_sum / n, n_correct / n)

    def gradient_norms(self) -> dict[str, float]:
        """Return the L2 norm of the latest step's gradient of each layer's weights, from input to output."""
        return {
            name.partition(".")[0]: float(np.linalg.norm(grad.astype(np.float64)))
            for name, grad in self.network.grads.items()
            if grad.ndim > 1
        }

    def first_weights(self) -> npt.NDArray[np.floating[Any]]:
        """Return a copy of the first layer's weights: (M, D), or (M, channels, height, width)."""
        return next(iter(self.evaluated.params.values())).copy()

    def probabilities(self, images: Images) -> npt.NDArray[np.floating[Any]]:
        """Return each image's class probabilities (B, C)."""
        return Softmax().forward(self._logits(images))

    def state(self) -> State:
        """Return parameters, running statistics, and the optimizer's own arrays under ``optimizer.``."""
        arrays = self._arrays()
        return {name: np.asarray(array, order="C") for name, array in arrays.items()}

    def load_state(self, state: State) -> None:
        """Take all arrays from a saved state (ValueError if it is another network's)."""
        own = self._arrays()
        for name, array in own.items():
            if name not in state or (state[name].shape, state[name].dtype) != (array.shape, array.dtype):
                raise ValueError(f"the state has no {name} of shape {array.shape}, {array.dtype}")
        for name, array in own.items():
            array[...] = state[name]

    def _arrays(self) -> dict[str, Array]:
        """Name every array that training changes."""
        optimizer_state = {f"optimizer.{name}": value for name, value in self.optimizer.state.items()}
        steps = {"steps": self._n_steps} if self._counts_steps else {}
        average = {}
        if self._average is not None:
            averages = self.evaluated.params | self.evaluated.buffers | self._average.state
            average = {f"average.{name}": value for name, value in averages.items()}
        return self.network.params | self.network.buffers | optimizer_state | average | steps

    def _inputs(self, images: Images) -> Array:
        return images.reshape(len(images), -1) if self._flatten else images

    def _logits(self, images: Images, n_views: int = 1) -> Array:
        """Return the logits in evaluation (B, C), or logarithms of probabilities averaged over views."""
        self.evaluated.eval()
        n = self._batch_size  # at a time: layers then keep no more than in training
        with np.errstate(over="ignore", invalid="ignore"):
            of_views = [
                np.concatenate(
                    [self.evaluated.forward(self._inputs(view[i : i + n])) for i in range(0, len(view), n)]
                )
                for view in views(images, n_views)
            ]
            if n_views == 1:
                return of_views[0]
            mean = np.mean([Softmax().forward(logits) for logits in of_views], axis=0)
            log_p: Array = np.log(np.maximum(mean, np.finfo(mean.dtype).tiny))
            return log_p


def _n_correct(logits: Array, labels: Labels) -> int:
    return int(np.count_nonzero(logits.argmax(axis=1) == labels))
