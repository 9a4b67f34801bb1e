"""What is done with nn.BatchNorm, by its users and by PyTorch's tools, works with ours and gives the same."""

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, update_bn

from backproof.torch_nn.batchnorm import BatchNormAutograd, BatchNormManual

Build = Callable[..., Any]
pytestmark = pytest.mark.parametrize("kind", [BatchNormAutograd, BatchNormManual])
N_CHANNELS = 3
SHAPE = (4, N_CHANNELS, 2, 5)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(20261128)


def both(kind: Build, dtype: torch.dtype = torch.float64, **settings: Any) -> tuple[Any, Any]:
    """Ours and PyTorch's for images, with the same random γ and β, after one batch."""
    ours = kind(N_CHANNELS, **{"track_running_stats": True, **settings}).to(dtype)
    native = nn.BatchNorm2d(N_CHANNELS, **settings).to(dtype)
    with torch.no_grad():
        native.weight.normal_()
        native.bias.normal_()
    native(images(dtype))
    ours.load_state_dict(native.state_dict())
    return ours, native


def images(dtype: torch.dtype = torch.float64) -> Tensor:
    return 2 * torch.randn(SHAPE, dtype=dtype) + 3


def close(actual: Any, expected: Any) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)


def gradients(module: nn.Module, x: Tensor, dy: Tensor) -> tuple[Tensor, ...]:
    """Return y and its gradients for x and the parameters that ask for one."""
    x = x.clone().requires_grad_()
    y = module(x)
    return y.detach(), *torch.autograd.grad(y, (x, *(p for p in module.parameters() if p.requires_grad)), dy)


def assert_same(ours: nn.Module, native: nn.Module) -> None:
    """Compare states and a further step."""
    close(ours.state_dict(), native.state_dict())
    x, dy = images(), torch.randn(SHAPE, dtype=torch.float64)
    close(gradients(ours, x, dy), gradients(native, x, dy))
    close(ours.state_dict(), native.state_dict())


@pytest.mark.parametrize("momentum", [0.3, None])
def test_averaged_weights_update_their_statistics(kind: Build, momentum: float | None) -> None:
    models = [
        AveragedModel(nn.Sequential(nn.Conv2d(2, N_CHANNELS, 1, bias=False, dtype=torch.float64), norm))
        for norm in both(kind, momentum=momentum)
    ]
    models[1].module[0].load_state_dict(models[0].module[0].state_dict())
    loader = [torch.randn(number, 2, 3, 3, dtype=torch.float64) + number for number in (5, 2, 7)]
    for model in models:
        update_bn(loader, model.eval())
        assert model.module[1].momentum == momentum
        assert not model.training
    close(*(model.state_dict() for model in models))
    assert models[0].module[1].num_batches_tracked == len(loader)


@pytest.mark.parametrize("version", [None, 1])
def test_states_from_before_batches_were_counted(kind: Build, version: int | None) -> None:
    pair, (_, source) = both(kind), both(kind)
    for module in pair:
        state = source.state_dict()
        del state["num_batches_tracked"]
        if version is None:
            del state._metadata
        else:
            state._metadata[""]["version"] = version
        module.load_state_dict(state)
        close(module.running_mean, source.running_mean)
        assert module.num_batches_tracked == 1  # its own
    assert_same(*pair)


def test_states_of_today_must_be_complete(kind: Build) -> None:
    for module, source in zip(both(kind), reversed(both(kind)), strict=True):
        state = source.state_dict()
        assert module.load_state_dict(state) == ([], [])
        del state["num_batches_tracked"]
        with pytest.raises(RuntimeError, match=r"Missing key\(s\) in state_dict: \"num_batches_tracked\""):
            module.load_state_dict(state)


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4), (0, 3, 2, 2), (2, 3, 0, 4)], ids=str)
def test_an_empty_batch_in_evaluation(kind: Build, shape: tuple[int, ...]) -> None:
    ours, native = both(kind)
    if len(shape) < 4:
        flat = nn.BatchNorm1d(N_CHANNELS).double()
        flat.load_state_dict(native.state_dict())
        native = flat
    before = copy.deepcopy(ours.state_dict())
    x = torch.randn(shape, dtype=torch.float64)
    close(gradients(ours.eval(), x, x), gradients(native.eval(), x, x))
    with pytest.raises(ValueError, match="which holds no value"):
        ours.train()(x)
    ours.eval().running_mean = ours.running_var = None
    with pytest.raises(ValueError, match="which holds no value"):
        ours(x)
    ours.running_mean, ours.running_var = before["running_mean"], before["running_var"]
    close(ours.state_dict(), before)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("momentum", [0.3, None])
@pytest.mark.parametrize(
    "changed",
    [
        {"running_mean": None, "running_var": None},
        {"num_batches_tracked": None},
        {"running_mean": None, "running_var": None, "num_batches_tracked": None},
        {"track_running_stats": False},
        {"momentum": 0.9},
        {"eps": 0.5},
    ],
    ids=str,
)
def test_what_is_changed_later_counts(
    kind: Build, changed: dict[str, Any], momentum: float | None, training: bool
) -> None:
    pair = both(kind, momentum=momentum)
    for module in pair:
        for name, value in changed.items():
            setattr(module, name, value)
        module.train(training)
    assert_same(*pair)


def test_statistics_can_be_reset(kind: Build) -> None:
    ours, native = both(kind)
    for reset in "reset_running_stats", "reset_parameters":
        for module in ours, native:
            getattr(module, reset)()
        assert_same(ours, native)
    with torch.device("meta"):
        empty = kind(N_CHANNELS, track_running_stats=True)
    empty.to_empty(device="cpu").reset_parameters()
    close(empty.state_dict(), nn.BatchNorm2d(N_CHANNELS).state_dict())


def test_copies_are_whole(kind: Build) -> None:
    ours, native = both(kind)
    file = io.BytesIO()
    torch.save(ours, file)
    file.seek(0)
    for twin in copy.deepcopy(ours), pickle.loads(pickle.dumps(ours)), torch.load(file, weights_only=False):
        assert repr(twin) == repr(ours)
        assert_same(twin, copy.deepcopy(native))


def test_frozen_parameters(kind: Build) -> None:
    ours, native = both(kind)
    for frozen in ours.weight, native.weight:
        frozen.requires_grad_(False)
    assert_same(ours, native)
    x = images()
    for module in ours, native:
        module.requires_grad_(False)
        assert not module(x).requires_grad
    assert_same(ours, native)


@pytest.mark.parametrize("shape", [(6, 3), (6, 3, 4), SHAPE], ids=str)
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("training", [True, False])
def test_the_activation_may_write_into_y(
    kind: Build, shape: tuple[int, ...], channels_last: bool, training: bool
) -> None:
    ours, _ = both(kind)
    x, dy = torch.randn(2, *shape, dtype=torch.float64)
    if channels_last:
        x = x.movedim(1, -1).contiguous().movedim(-1, 1)
    in_place, plain = (nn.Sequential(copy.deepcopy(ours), nn.ReLU(flag)) for flag in (True, False))
    close(*(gradients(model.train(training), x, dy) for model in (in_place, plain)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_a_module_of_16_bits_rounds_once(kind: Build, dtype: torch.dtype) -> None:
    n_channels = 200
    x, dy = (2 * torch.randn(2, 8, n_channels, 4, 4) + 3).to(dtype)
    module = kind(n_channels, track_running_stats=True).to(dtype)
    with torch.no_grad():
        for tensor in *module.parameters(), module.running_mean, module.running_var:
            tensor.uniform_(0.5, 3)
    exact = copy.deepcopy(module).double()
    module(x)
    exact(x.double())
    unit = 0.51 * torch.finfo(dtype).eps
    for name in "running_mean", "running_var":
        value = getattr(module, name)
        assert value.dtype == dtype
        torch.testing.assert_close(value.double(), getattr(exact, name), rtol=unit, atol=0)
    exact = copy.deepcopy(module.eval()).double()
    for value, expected in zip(
        gradients(module, x, dy), gradients(exact, x.double(), dy.double()), strict=True
    ):
        assert value.dtype == dtype
        torch.testing.assert_close(value.double(), expected, rtol=unit, atol=1e-6)


def test_torch_func_takes_the_statistics_away(kind: Build) -> None:
    ours, native = (torch.func.replace_all_batch_norm_modules_(nn.Sequential(m)) for m in both(kind))
    x = torch.stack((images(), images()))
    close(torch.func.vmap(ours)(x), torch.func.vmap(native)(x))
    close(ours.state_dict(), native.state_dict())


def test_who_asks_for_synchronised_batch_norm_gets_it(kind: Build) -> None:
    ours, _ = both(kind, momentum=0.3, eps=1e-3)
    converted: Any = nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(ours))[0]
    assert type(converted) is nn.SyncBatchNorm
    assert (converted.momentum, converted.eps) == (0.3, 1e-3)
    close(converted.state_dict(), ours.state_dict())
