"""Table 1 as a sequence of operations, and the same with one usual mistake each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from backproof.checker.diagnosis import Mistake


@dataclass(frozen=True)
class Operation:
    """One operation. ``number`` counts convolutions or poolings; norm and relu bear their convolution's."""

    kind: str
    """conv, norm, relu or pool."""
    number: int
    taken: Literal["maximum", "mean", "mean of pixels alone"] = "maximum"
    """Of a pooling; the last one leaves out the padding."""
    padded_with: Literal["zeros", "reflect", "replicate", "circular"] = "zeros"
    slope: float = 0.0
    """Of relu, where negative."""
    kernel: int = 3
    stride: int = 1
    padding: int = 1
    ceil: bool = False


Architecture = tuple[Operation, ...]
WIDTHS = ((3, 64), (64, 128), (128, 256), (256, 256), (256, 512), (512, 512), (512, 512), (512, 512))
CONVS = ("conv1", "conv2", "conv3_a", "conv3_b", "conv4_a", "conv4_b", "conv5_a", "conv5_b")
_POOLS_AFTER = (0, 1, 3, 5, 7)
LINEAR_INPUTS = 512


def _block(number: int) -> list[Operation]:
    return [Operation("conv", number), Operation("norm", number), Operation("relu", number)]


def table_1() -> Architecture:
    """Return the architecture as it should be."""
    architecture: list[Operation] = []
    for number in range(len(CONVS)):
        architecture += _block(number)
        if number in _POOLS_AFTER:
            architecture.append(Operation("pool", _POOLS_AFTER.index(number), stride=2))
    return tuple(architecture)


def size_after(architecture: Architecture, size: int) -> int:
    """Return height and width after the architecture, 0 if something does not fit in."""
    for operation in architecture:
        if operation.kind in ("conv", "pool"):
            room = (
                size
                + 2 * operation.padding
                - operation.kernel
                + (operation.stride - 1 if operation.ceil else 0)
            )
            begun = room // operation.stride + 1 if room >= 0 else 0
            # No pooling begins beyond the pixels and the padding on their left.
            size = begun - (operation.ceil and (begun - 1) * operation.stride >= size + operation.padding)
    return size


def _changed(kind: str, numbers: set[int], **changes: Any) -> Architecture:
    return tuple(
        replace(operation, **changes) if operation.kind == kind and operation.number in numbers else operation
        for operation in table_1()
    )


def _without(kind: str, numbers: set[int]) -> Architecture:
    return tuple(
        operation for operation in table_1() if not (operation.kind == kind and operation.number in numbers)
    )


def _reordered(number: int, architecture: Architecture, kinds: tuple[str, ...]) -> Architecture:
    """Put what follows convolution ``number`` into the order ``kinds``."""
    at = next(
        i
        for i, operation in enumerate(architecture)
        if operation.kind == "conv" and operation.number == number
    )
    after = [operation for operation in architecture[at + 1 : at + 4] if operation.kind in kinds]
    after.sort(key=lambda operation: kinds.index(operation.kind))
    return architecture[: at + 1] + tuple(after) + architecture[at + 1 + len(after) :]


def _pool_earlier(pools: set[int]) -> Architecture:
    """Put poolings between the two convolutions of their block."""
    architecture = list(table_1())
    for pool in pools:
        operation = next(each for each in architecture if each.kind == "pool" and each.number == pool)
        architecture.remove(operation)
        first = _POOLS_AFTER[pool] - 1
        at = next(i for i, each in enumerate(architecture) if each.kind == "relu" and each.number == first)
        architecture.insert(at + 1, operation)
    return tuple(architecture)


def _everywhere_and_singly(
    names: list[str], make: Callable[[set[int]], Architecture]
) -> Iterator[tuple[str, Architecture]]:
    """Make a mistake everywhere, then in one place at a time."""
    yield "everywhere", make(set(range(len(names))))
    for number, name in enumerate(names):
        yield f"at {name}", make({number})


_POOLS = [f"maxpool{number}" for number in range(1, 6)]
_POOL_HINT = "Compare kind, kernel, stride and padding of every pooling with Table 1."
_PADDING_HINT = "Follow height and width from layer to layer, and compare every padding with Table 1."
_ORDER_HINT = "Compare the layers' order with Table 1 and what stands beneath it, one after the other."
_AVERAGE = {"taken": "mean"}
_POOL_CHANGES: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("wrong pooling", _AVERAGE, "an average is taken where Table 1 has a maximum"),
    ("wrong pooling", {"taken": "mean of pixels alone"}, "an average is taken where Table 1 has a maximum"),
    ("wrong pooling", {"kernel": 2, "padding": 0}, "the pooling takes 2 × 2 pixels where Table 1 has 3 × 3"),
    ("wrong pooling", {"kernel": 2, "padding": 0, **_AVERAGE}, "the pooling averages 2 × 2 pixels"),
    ("wrong pooling", {"kernel": 2, "padding": 1}, "the pooling takes 2 × 2 pixels where Table 1 has 3 × 3"),
    ("wrong pooling", {"ceil": True}, "the pooling has ceil_mode, which Table 1 has not"),
    ("wrong padding", {"padding": 0}, "the pooling has padding 0 where Table 1 has 1"),
    (
        "wrong padding",
        {"padding": 0, "ceil": True},
        "the pooling has padding 0 (and ceil_mode) where Table 1 has 1",
    ),
    ("wrong pooling", {"stride": 1}, "the pooling has stride 1 where Table 1 has 2"),
    ("wrong pooling", {"stride": 3}, "the pooling has stride 3 where Table 1 has 2"),
)
_CONV_CHANGES: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("wrong padding", {"padding": 0}, "the convolution has padding 0 where Table 1 has 1"),
    ("wrong padding", {"padding": 2}, "the convolution has padding 2 where Table 1 has 1"),
    (
        "wrong padding",
        {"padded_with": "reflect"},
        "the convolution pads with reflected pixels, not with zeros",
    ),
    (
        "wrong padding",
        {"padded_with": "replicate"},
        "the convolution pads with repeated pixels, not with zeros",
    ),
    ("wrong padding", {"padded_with": "circular"}, "the convolution pads around the edge, not with zeros"),
    ("wrong forward value", {"stride": 2}, "the convolution has stride 2 where Table 1 has 1"),
)


def mistakes() -> Iterator[tuple[Mistake, Architecture]]:
    """Return architectures with one mistake each, the likelier ones first."""
    convs = list(CONVS)
    groups: list[tuple[str, str, str, list[str], Callable[[set[int]], Architecture]]] = [
        ("wrong order", "ReLU stands before batch norm", _ORDER_HINT, convs, _relu_first),
        ("wrong order", "ReLU is missing", _ORDER_HINT, convs, lambda n: _without("relu", n)),
        ("wrong order", "batch norm is missing", _ORDER_HINT, convs, lambda n: _without("norm", n)),
        ("wrong pooling", "the pooling is missing", _POOL_HINT, _POOLS, lambda n: _without("pool", n)),
    ]
    for kind, changes, names in (("pool", _POOL_CHANGES, _POOLS), ("conv", _CONV_CHANGES, convs)):
        hint = _POOL_HINT if kind == "pool" else _PADDING_HINT
        for cause, change, said in changes:
            groups.append((cause, said, hint, names, partial(_changed, kind, **change)))
    for cause, said, hint, names, make in groups:
        for where, architecture in _everywhere_and_singly(names, make):
            yield Mistake(cause, f"shows that {said}, {where}", hint), architecture
    yield from _rarer()


def _relu_first(numbers: set[int]) -> Architecture:
    architecture = table_1()
    for number in numbers:
        architecture = _reordered(number, architecture, ("relu", "norm"))
    return architecture


def _pool_first(pools: set[int]) -> Architecture:
    architecture = table_1()
    for pool in pools:
        architecture = _reordered(_POOLS_AFTER[pool], architecture, ("pool", "norm", "relu"))
    return architecture


def _rarer() -> Iterator[tuple[Mistake, Architecture]]:
    early = "shows that a pooling stands between the two convolutions of its block: {}"
    for pools in ({2, 3, 4}, {2}, {3}, {4}):
        names = ", ".join(_POOLS[number] for number in sorted(pools))
        yield Mistake("wrong order", early.format(names), _ORDER_HINT), _pool_earlier(pools)
    for where, architecture in _everywhere_and_singly(_POOLS, _pool_first):
        said = f"shows that the pooling stands before batch norm, {where}"
        yield Mistake("wrong order", said, _ORDER_HINT), architecture
    for slope in (0.01, 0.02, 0.2):
        said = f"shows that the activation is LeakyReLU with slope {slope}, not ReLU"
        yield Mistake("wrong forward value", said, _ORDER_HINT), _changed("relu", set(range(8)), slope=slope)
