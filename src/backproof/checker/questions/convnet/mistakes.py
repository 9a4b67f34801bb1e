"""The mistakes that are made in the ConvNet, and the architectures that they give."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from backproof.checker.causes import WRONG_FORWARD_VALUE, Cause
from backproof.checker.diagnosis import Mistake
from backproof.checker.questions.convnet.architectures import CONVS, POOLS_AFTER, Architecture, table_1

_TABLE_1 = "Print the shape after every layer, and compare order, kernel, stride and padding with Table 1."
WRONG_PADDING = Cause(
    "wrong padding",
    "a convolution or pooling of the ConvNet has another padding than Table 1",
    _TABLE_1,
)
WRONG_POOLING = Cause(
    "wrong pooling",
    "a pooling of the ConvNet is of another kind, size or stride than Table 1",
    _TABLE_1,
)
WRONG_ORDER = Cause(
    "wrong order",
    "the ConvNet's layers come in another order than in Table 1, or one is missing",
    _TABLE_1,
)


def _changed(kind: str, numbers: set[int], **changes: Any) -> Architecture:
    return tuple(
        replace(layer, **changes) if layer.kind == kind and layer.number in numbers else layer
        for layer in table_1()
    )


def _without(kind: str, numbers: set[int]) -> Architecture:
    return tuple(layer for layer in table_1() if not (layer.kind == kind and layer.number in numbers))


def _reordered(number: int, architecture: Architecture, kinds: tuple[str, ...]) -> Architecture:
    """Put what follows convolution ``number`` into the order ``kinds``."""
    at = next(i for i, layer in enumerate(architecture) if layer.kind == "conv" and layer.number == number)
    after = [layer for layer in architecture[at + 1 : at + 4] if layer.kind in kinds]
    after.sort(key=lambda layer: kinds.index(layer.kind))
    return architecture[: at + 1] + tuple(after) + architecture[at + 1 + len(after) :]


def _pool_earlier(pools: set[int]) -> Architecture:
    """Put poolings between the two convolutions of their block."""
    architecture = list(table_1())
    for pool in pools:
        layer = next(layer for layer in architecture if layer.kind == "pool" and layer.number == pool)
        architecture.remove(layer)
        first = POOLS_AFTER[pool] - 1
        at = next(i for i, layer in enumerate(architecture) if layer.kind == "relu" and layer.number == first)
        architecture.insert(at + 1, layer)
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
_Changes = tuple[tuple[Cause, dict[str, Any], str], ...]
"""A cause, what differs in a layer, and the words for it."""
_POOL_CHANGES: _Changes = (
    (WRONG_POOLING, _AVERAGE, "an average is taken where Table 1 has a maximum"),
    (WRONG_POOLING, {"taken": "mean of pixels alone"}, "an average is taken where Table 1 has a maximum"),
    (WRONG_POOLING, {"kernel": 2, "padding": 0}, "the pooling takes 2 × 2 pixels where Table 1 has 3 × 3"),
    (WRONG_POOLING, {"kernel": 2, "padding": 0, **_AVERAGE}, "the pooling averages 2 × 2 pixels"),
    (WRONG_POOLING, {"kernel": 2, "padding": 1}, "the pooling takes 2 × 2 pixels where Table 1 has 3 × 3"),
    (WRONG_POOLING, {"ceil": True}, "the pooling has ceil_mode, which Table 1 has not"),
    (WRONG_PADDING, {"padding": 0}, "the pooling has padding 0 where Table 1 has 1"),
    (
        WRONG_PADDING,
        {"padding": 0, "ceil": True},
        "the pooling has padding 0 (and ceil_mode) where Table 1 has 1",
    ),
    (WRONG_POOLING, {"stride": 1}, "the pooling has stride 1 where Table 1 has 2"),
    (WRONG_POOLING, {"stride": 3}, "the pooling has stride 3 where Table 1 has 2"),
)
_CONV_CHANGES: _Changes = (
    (WRONG_PADDING, {"padding": 0}, "the convolution has padding 0 where Table 1 has 1"),
    (WRONG_PADDING, {"padding": 2}, "the convolution has padding 2 where Table 1 has 1"),
    (
        WRONG_PADDING,
        {"padded_with": "reflect"},
        "the convolution pads with reflected pixels, not with zeros",
    ),
    (
        WRONG_PADDING,
        {"padded_with": "replicate"},
        "the convolution pads with repeated pixels, not with zeros",
    ),
    (WRONG_PADDING, {"padded_with": "circular"}, "the convolution pads around the edge, not with zeros"),
    (WRONG_FORWARD_VALUE, {"stride": 2}, "the convolution has stride 2 where Table 1 has 1"),
)


def mistakes() -> Iterator[tuple[Mistake, Architecture]]:
    """Return architectures with one mistake each, the likelier ones first."""
    convs = list(CONVS)
    groups: list[tuple[Cause, str, str, list[str], Callable[[set[int]], Architecture]]] = [
        (WRONG_ORDER, "ReLU stands before batch norm", _ORDER_HINT, convs, _relu_first),
        (WRONG_ORDER, "ReLU is missing", _ORDER_HINT, convs, lambda n: _without("relu", n)),
        (WRONG_ORDER, "batch norm is missing", _ORDER_HINT, convs, lambda n: _without("norm", n)),
        (WRONG_POOLING, "the pooling is missing", _POOL_HINT, _POOLS, lambda n: _without("pool", n)),
    ]
    for kind, changes, names in (("pool", _POOL_CHANGES, _POOLS), ("conv", _CONV_CHANGES, convs)):
        hint = _POOL_HINT if kind == "pool" else _PADDING_HINT
        for cause, change, explanation in changes:
            groups.append((cause, explanation, hint, names, partial(_changed, kind, **change)))
    for cause, explanation, hint, names, make in groups:
        for where, architecture in _everywhere_and_singly(names, make):
            yield Mistake(cause, f"shows that {explanation}, {where}", hint), architecture
    yield from _rarer_mistakes()


def _relu_first(numbers: set[int]) -> Architecture:
    architecture = table_1()
    for number in numbers:
        architecture = _reordered(number, architecture, ("relu", "norm"))
    return architecture


def _pool_first(pools: set[int]) -> Architecture:
    architecture = table_1()
    for pool in pools:
        architecture = _reordered(POOLS_AFTER[pool], architecture, ("pool", "norm", "relu"))
    return architecture


def _rarer_mistakes() -> Iterator[tuple[Mistake, Architecture]]:
    early = "shows that a pooling stands between the two convolutions of its block: {}"
    for pools in ({2, 3, 4}, {2}, {3}, {4}):
        names = ", ".join(_POOLS[number] for number in sorted(pools))
        yield Mistake(WRONG_ORDER, early.format(names), _ORDER_HINT), _pool_earlier(pools)
    for where, architecture in _everywhere_and_singly(_POOLS, _pool_first):
        explanation = f"shows that the pooling stands before batch norm, {where}"
        yield Mistake(WRONG_ORDER, explanation, _ORDER_HINT), architecture
    for slope in (0.01, 0.02, 0.2):
        explanation = f"shows that the activation is LeakyReLU with slope {slope}, not ReLU"
        yield (
            Mistake(WRONG_FORWARD_VALUE, explanation, _ORDER_HINT),
            _changed("relu", set(range(8)), slope=slope),
        )
