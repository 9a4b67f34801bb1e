"""The PyTorch networks as the training loop sees them."""

import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import convert_conv2d_weight_memory_format
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from backproof.arrays import Images, Labels, State
from backproof.data.views import views
from backproof.errors import ConfigError
from backproof.numpy_nn.initialization import draw_local, set_dirac
from backproof.torch_nn.convnet import ConvNet
from backproof.torch_nn.mlp import MLP, draw_small_normal
from backproof.training.config import TrainConfig
from backproof.training.learners import torch_device, torch_optimizers
from backproof.training.learners.network_settings import (
    hidden_weights,
    later_convolutions,
    require_convnet_settings,
    require_mlp_settings,
)
from backproof.training.learners.protocol import Metrics
from backproof.training.torch_processes import lost_peers_reported

_THREADS_AT_FIRST = torch.get_num_threads()
# torch leaves it without types.
_moving_average: Callable[[float], Callable[..., None]] = get_ema_multi_avg_fn
_NETWORK, _AVERAGE, _OPTIMIZER, _STEPS = "network.", "average.", "optimizer.", "steps"


def mlp_learner(
    config: TrainConfig, image_shape: tuple[int, ...], n_classes: int, rng: np.random.Generator
) -> "TorchLearner":
    """Make the MLP of the settings, its weights drawn from ``rng`` (ConfigError)."""
    require_mlp_settings(config)

    def build() -> MLP:
        return MLP(
            math.prod(image_shape),
            config.hidden,
            n_classes,
            config.negative_slope,
            norm=config.batch_norm,
            dropout=config.dropout,
        )

    if config.initialization == "normal":
        small = build()
        draw_small_normal(small, rng)
        return TorchLearner(small, config)
    network = _seeded(build, rng)
    if config.initialization == "local":
        draw_local(hidden_weights(_parameters(network)), image_shape, rng)
    return TorchLearner(network, config)


def convnet_learner(
    config: TrainConfig, image_shape: tuple[int, ...], n_classes: int, rng: np.random.Generator
) -> "TorchLearner":
    """Make the ConvNet of the settings, its weights drawn from ``rng`` (ConfigError)."""
    require_convnet_settings(config, image_shape)
    network = _seeded(lambda: ConvNet(image_shape[0], n_classes, norm=config.batch_norm), rng)
    if config.dirac:
        for weight in later_convolutions(_parameters(network)):
            set_dirac(weight)
    # Channels last is the layout in which convolutions and pooling run over neighbouring numbers.
    return TorchLearner(network, config, torch.channels_last)


def _parameters(network: nn.Module) -> State:
    """Return the parameters as arrays in their own memory."""
    return {name: param.detach().numpy() for name, param in network.named_parameters()}


def _seeded(build: Callable[[], nn.Module], rng: np.random.Generator) -> nn.Module:
    """Build a network with PyTorch's own initialisation, random numbers from ``rng``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**63)))
        return build()


class TorchLearner:
    """A network trained on softmax cross entropy by one of torch's optimizers.

    Where torch's process group is initialised, it trains together with the learners of the other processes:
    each gets a part of the batch, gradients are averaged, and metrics are those of the whole batch.
    """

    def __init__(
        self,
        network: nn.Module,
        config: TrainConfig,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        torch.set_num_threads(config.threads or _THREADS_AT_FIRST)
        self._device = torch_device.find_device(config.device)
        _require_possible(config, self._device)
        self.device = torch_device.device_name(self._device)
        self._dtype = torch_device.parameter_dtype(config, self._device)
        self.network = network.to(self._device, self._dtype)
        convert_conv2d_weight_memory_format(self.network, memory_format)
        self._config = config
        self._memory_format = memory_format
        self._optimizer = torch_optimizers.make_optimizer(self.network, config)
        # Running statistics are averaged like weights.
        self._average = (
            AveragedModel(self.network, multi_avg_fn=_moving_average(config.ema_decay), use_buffers=True)
            if config.ema_decay
            else None
        )
        self._n_steps = 0
        compiled = config.compile and torch_device.can_compile(self._device)
        self.notes = (
            ["found no compiler for torch.compile (g++ or $CXX): training without it"]
            if config.compile and not compiled
            else []
        )
        self._forward: Callable[[Tensor], Tensor] = self.network
        self._rank = 0
        if dist.is_initialized():
            self._rank = dist.get_rank()
            with lost_peers_reported():
                self._forward = DistributedDataParallel(self.network)
        if compiled:
            self._forward = torch.compile(self._forward)

    @property
    def learning_rate(self) -> float:
        """Of the next step."""
        rate: float = self._optimizer.param_groups[0]["lr"]
        return rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        torch_optimizers.set_learning_rate(self._optimizer, rate)

    @property
    def evaluated(self) -> nn.Module:
        """The network that evaluations and predictions use: the averaged one where there is an average."""
        return self.network if self._average is None else self._average.module

    @lost_peers_reported()
    def step(self, images: Images, labels: Labels) -> Metrics:
        """Train on one batch; the metrics are those before the update."""
        if not self.network.training:
            self.network.train()
        if self._config.dropout:
            # Random numbers are a function of seed and step, so that resuming needs no generator's state.
            seeds = np.random.SeedSequence(self._config.seed, spawn_key=(2, self._n_steps, self._rank))
            torch.manual_seed(int(seeds.generate_state(1, np.uint64)[0]))
        x, t = self._on_device(images), torch.from_numpy(labels).to(self._device)
        with self._precision():
            logits = self._forward(x)
        loss = F.cross_entropy(logits.to(x.dtype), t, label_smoothing=self._config.label_smoothing)
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        if self._config.clip_norm:
            nn.utils.clip_grad_norm_(self.network.parameters(), self._config.clip_norm)
        self._optimizer.step()
        if self._average is not None:
            self._average.update_parameters(self.network)
        self._n_steps += 1
        return _metrics(loss.detach() * len(t), _n_correct(logits, t), len(t))

    @lost_peers_reported()
    @torch.inference_mode()
    def evaluate(self, batches: Iterable[tuple[Images, Labels]], n_views: int = 1) -> Metrics:
        """Measure over all the batches, training nothing; see Learner."""
        # In float64: the sum over many batches must not depend on how many.
        loss_sum, n_correct = torch.zeros(2, dtype=torch.float64)
        n = 0
        for images, labels in batches:
            log_p, t = self._log_probabilities(images, n_views), torch.from_numpy(labels).to(self._device)
            loss_sum += F.nll_loss(log_p, t, reduction="sum").cpu()
            n_correct += _n_correct(log_p, t).cpu()
            n += len(labels)
        return _metrics(loss_sum, n_correct, n)

    def gradient_norms(self) -> dict[str, float]:
        """Return the L2 norm of the latest step's gradient of each layer's weights, from input to output."""
        return {
            name.partition(".")[0]: float(torch.linalg.vector_norm(param.grad, dtype=torch.float64))
            for name, param in self.network.named_parameters()
            if param.ndim > 1 and param.grad is not None
        }

    def first_weights(self) -> npt.NDArray[np.floating[Any]]:
        """Return a copy of the first layer's weights: (M, D), or (M, channels, height, width)."""
        weights: npt.NDArray[np.floating[Any]] = next(self.evaluated.parameters()).numpy(force=True).copy()
        return weights

    @torch.inference_mode()
    def probabilities(self, images: Images) -> npt.NDArray[np.floating[Any]]:
        """Return each image's class probabilities (B, C)."""
        return self._log_probabilities(images).exp().numpy(force=True)

    def state(self) -> State:
        """Return parameters and running statistics, their average, the optimizer's state and the steps."""
        arrays = {
            **_arrays(_NETWORK, self.network),
            **({} if self._average is None else _arrays(_AVERAGE, self._average)),
            **{
                _OPTIMIZER + name: array
                for name, array in torch_optimizers.state(self._optimizer, self.network).items()
            },
            _STEPS: np.array(self._n_steps),
        }
        return {name: np.asarray(array, order="C") for name, array in arrays.items()}

    def load_state(self, state: State) -> None:
        """Go on from a saved state (ValueError if it is another network's)."""
        _load(self.network, _under(_NETWORK, state))
        if self._average is not None:
            _load(self._average, _under(_AVERAGE, state))
        torch_optimizers.load_state(self._optimizer, self.network, _under(_OPTIMIZER, state))
        self._n_steps = int(state[_STEPS])

    def _log_probabilities(self, images: Images, n_views: int = 1) -> Tensor:
        """Return the logarithms of class probabilities, averaged over the views (B, C)."""
        self.evaluated.eval()
        of_views = []
        for view in views(images, n_views):
            x = self._on_device(view)
            with self._precision():
                logits = self.evaluated(x)
            of_views.append(logits.to(x.dtype).log_softmax(dim=1))
        return torch.stack(of_views).logsumexp(dim=0) - math.log(n_views) if n_views > 1 else of_views[0]

    def _precision(self) -> AbstractContextManager[None]:
        if self._config.precision == "bf16":
            return torch.autocast(self._device.type, torch.bfloat16)
        return nullcontext()

    def _on_device(self, images: Images) -> Tensor:
        return torch.from_numpy(images).to(self._device, self._dtype, memory_format=self._memory_format)


def _require_possible(config: TrainConfig, device: torch.device) -> None:
    """Refuse what several processes cannot do together (ConfigError)."""
    if not dist.is_initialized():
        return
    if config.batch_norm == "native" and device.type == "cpu":
        raise ConfigError(
            "native batch norm shares statistics among processes on CUDA alone; choose --batch-norm manual"
        )
    if config.compile:
        raise ConfigError("torch.compile is for one process here; leave --compile out under torchrun")


def _metrics(loss_sum: Tensor, n_correct: Tensor, n: int) -> Metrics:
    """Divide sums by the number of images; where several processes train together, over all of theirs."""
    # Fetched at once, as a GPU has to be waited for.
    loss, correct = torch.stack([loss_sum, n_correct.to(loss_sum.dtype)]).tolist()
    if dist.is_initialized():
        sums = torch.tensor([loss, correct, n], dtype=torch.float64)
        dist.all_reduce(sums)
        loss, correct, n = sums.tolist()
    return Metrics(loss / n, correct / n)


def _n_correct(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.argmax(dim=1) == labels).sum()


def _arrays(prefix: str, network: nn.Module) -> State:
    return {prefix + name: value.numpy(force=True) for name, value in network.state_dict().items()}


def _load(network: nn.Module, arrays: State) -> None:
    try:
        network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    except RuntimeError as error:
        raise ValueError(" ".join(str(error).split())) from None


def _under(prefix: str, state: State) -> State:
    """Return the arrays whose names start with the prefix, without it."""
    return {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}
