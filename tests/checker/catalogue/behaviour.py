"""What a submission's file does: all that it offers is called, and whatever comes of it is returned."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import torch

from checker.catalogue.imported import Import, linears

Call = Callable[[Import], list[Any]]


def behaviour(load: Import, file: str) -> list[Any]:
    """Return the results of all calls of a file: arrays, or the name of the exception."""
    found = []
    for call in _CALLS[file]:
        np.random.seed(11)
        torch.manual_seed(11)
        try:
            with np.errstate(all="ignore"):
                results = call(load)
        except (Exception, SystemExit) as error:  # a mistake may make the code raise anything
            results = [type(error).__name__]
        found.append([_array(result) for result in results])
    return found


def same(one: Any, other: Any) -> bool:
    """Tell whether two results agree but for rounding: arrays, or lists of them."""
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype.kind != "f":
        return np.array_equal(one, other)
    tolerance = 1e-10 if one.dtype == np.float64 else 1e-5
    return np.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True)


def _array(value: Any) -> Any:
    return np.array(value.detach() if isinstance(value, torch.Tensor) else value)


def _layer(
    name: str, *arguments: float, dtype: type = np.float64, scale: float = 1.0, n_out: int = 5
) -> Call:
    """Two layers of a kind used in turns, for batches of four and then of one."""

    def call(load: Import) -> list[Any]:
        rng = np.random.default_rng(2)
        module = load("modules")
        older = name == "LeakyReLUModule" and not hasattr(module, name)
        pair = [module.ReLUModule() if older else getattr(module, name)(*arguments) for _ in range(2)]
        parts = []
        for layer in pair:
            for key in layer.params if name == "LinearModule" else ():
                parts.append(layer.params[key])
                layer.params[key] = rng.normal(size=layer.params[key].shape).astype(dtype)
        for batch in (4, 4, 1):
            x, other = ((scale * rng.normal(size=(batch, 5))).astype(dtype) for _ in pair)
            dout, upstream = (rng.normal(size=(batch, n_out)).astype(dtype) for _ in pair)
            y = pair[0].forward(x)
            pair[1].forward(other)
            parts += [x, y, pair[0].backward(dout), dout]
            pair[1].backward(upstream)
            parts += [value for key in ("params", "grads") for value in getattr(pair[0], key, {}).values()]
            parts = [np.array(part) for part in parts]
        return parts

    return call


def _loss(load: Import) -> list[Any]:
    loss, parts = load("modules").CrossEntropyModule(), []
    for labels in ([0, 2, 2, 4], [3]):
        p, t = np.random.default_rng(1).dirichlet(np.ones(5), size=len(labels)), np.eye(5)[labels]
        parts += [loss.forward(p, t), loss.backward(p, t), p]
    return parts


def _mlp(*hidden: int) -> Call:
    def call(load: Import) -> list[Any]:
        rng = np.random.default_rng(4)
        slope = (0.1,) if hasattr(load("modules"), "LeakyReLUModule") else ()
        sizes = list(hidden)
        net, other = (load("mlp_numpy").MLP(5, sizes, 3, *slope) for _ in range(2))
        found = linears(net, load("modules").LinearModule)
        for linear in found:
            for param in linear.params.values():
                param[...] = rng.normal(size=param.shape)
        x, dout = rng.normal(size=(4, 5)), rng.normal(size=(4, 3))
        y = net.forward(x)
        other.forward(rng.normal(size=(4, 5)))
        net.backward(dout)
        return [x, y, sizes, *(grad for linear in found for grad in linear.grads.values())]

    return call


def _accuracy(script: str, kind: Callable[[Any], Any]) -> Call:
    def call(load: Import) -> list[Any]:
        rng, labels = np.random.default_rng(0), np.eye(3)[[1, 0, 0, 2, 1]]
        accuracy = load(script).accuracy
        return [float(accuracy(kind(rng.random((5, 3))), kind(labels))) for _ in range(9)]

    return call


def _torch_mlp(*hidden: int) -> Call:
    def call(load: Import) -> list[Any]:
        module, sizes = load("mlp_pytorch"), list(hidden)
        try:
            net = module.MLP(5, sizes, 3, 0.1)
        except TypeError:
            net = module.MLP(5, sizes, 3)
        x = torch.randn(4, 5, requires_grad=True)
        y = net(x)
        y.backward(torch.randn(4, 3))
        return [x, y, sizes, x.grad, *(parameter.grad for parameter in net.parameters())]

    return call


def _draw(*shape: int, dtype: torch.dtype = torch.float64) -> Any:
    return 0.3 * torch.randn(shape, dtype=dtype) + 1


def _function(needs: tuple[bool, ...], *eps: float, dtype: torch.dtype = torch.float64) -> Call:
    """The function twice, then back through the first."""

    def call(load: Import) -> list[Any]:
        function = load("custom_batchnorm").CustomBatchNormManualFunction
        leaves = [
            _draw(*shape, dtype=dtype).requires_grad_(need)
            for shape, need in zip(((6, 4), (4,), (4,)), needs, strict=True)
        ]
        # A leaf may not be written to; its clone may, and shows it.
        inputs = [leaf.clone() for leaf in leaves]
        y = function.apply(*inputs, *eps)
        function.apply(*(_draw(*leaf.shape, dtype=dtype) for leaf in leaves), 0.5)
        dy = _draw(6, 4, dtype=dtype)
        y.backward(dy, retain_graph=True)
        returned = [str(gradient is None) for gradient in function.backward(y.grad_fn, dy.clone())]
        return [*inputs, y, dy, *returned, *(leaf.grad for leaf in leaves if leaf.requires_grad)]

    return call


def _norm(kind: str, *eps: float, shape: tuple[int, ...] = (6, 4), dtype: Any = torch.float64) -> Call:
    """A module of four neurons in training, then in evaluation."""

    def call(load: Import) -> list[Any]:
        norm = getattr(load("custom_batchnorm"), kind)(4, *eps).to(dtype)
        parameters = list(dict(sorted(norm.named_parameters())).values())
        first = [parameter.detach().clone() for parameter in parameters]
        with torch.no_grad():
            for parameter in parameters:
                parameter.copy_(_draw(*parameter.shape))
        norm(_draw(*shape, dtype=dtype))
        leaf = _draw(*shape, dtype=dtype).requires_grad_()
        passed = leaf.clone()
        y = norm(passed)
        y.backward(_draw(*y.shape, dtype=y.dtype))
        gradients = [leaf.grad, *(parameter.grad for parameter in parameters)]
        return [*first, passed, y, *gradients, norm.eval()(_draw(*shape, dtype=dtype))]

    return call


def _convnet(size: int) -> Call:
    def call(load: Import) -> list[Any]:
        net = load("convnet_pytorch").ConvNet(2, 7)
        images = _draw(3, 2, size, size, dtype=torch.float32)
        shapes = sorted(tuple(parameter.shape) for parameter in net.parameters())
        with torch.no_grad():
            trained = net(images).clone()
            return [str(shapes), images, trained, net.eval()(images), net(images[:1])]

    return call


_MODULES = ("CustomBatchNormAutograd", "CustomBatchNormManualModule")
_CALLS: dict[str, list[Call]] = {
    "modules.py": [
        *(
            _layer("LinearModule", 5, n_out, dtype=dtype, n_out=n_out)
            for n_out, dtype in product((5, 3), (np.float64, np.float32))
        ),
        *(_layer("LeakyReLUModule", 0.1, dtype=dtype) for dtype in (np.float64, np.float32)),
        *(_layer("SoftMaxModule", scale=scale) for scale in (1, 1e4)),
        _loss,
    ],
    "mlp_numpy.py": [_mlp(), _mlp(6), _mlp(6, 4)],
    "train_mlp_numpy.py": [_accuracy("train_mlp_numpy", np.asarray)],
    "mlp_pytorch.py": [_torch_mlp(), _torch_mlp(6), _torch_mlp(6, 4)],
    "train_mlp_pytorch.py": [_accuracy("train_mlp_pytorch", torch.tensor)],
    "custom_batchnorm.py": [
        *(_function(needs) for needs in ((True, True, True), (True, False, False), (False, True, True))),
        _function((True, True, True), 0.1),
        _function((True, True, True), dtype=torch.float32),
        *(_norm(kind, *eps) for kind, eps in product(_MODULES, ((), (0.1,)))),
        *(_norm(kind, dtype=torch.float32) for kind in _MODULES),
        *(_norm(kind, shape=shape) for kind, shape in product(_MODULES, ((6, 1), (2, 6, 4), (4,)))),
    ],
    "convnet_pytorch.py": [_convnet(32), _convnet(16)],
}
