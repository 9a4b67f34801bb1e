"""Arrays taken apart into pieces that fit the processor's cache, for updates in place."""

from collections.abc import Mapping

import numpy as np

from backproof.numpy_nn.array_checks import Array

CHUNK = 1 << 14
"""Numbers updated at a time: Adam's four chunks and its scratch, in float32, are 384 KB and stay in a cache of 512 KB."""


def chunks_of(params: Mapping[str, Array], *others: Mapping[str, Array]) -> list[tuple[Array, ...]]:
    """Return vectors on the memory of every parameter and of the others' arrays of its name, in step.

    Any order of the axes in memory will do that all arrays of a name share; gaps between the numbers will not.

    Raises:
        ValueError: if the arrays of a name differ in shape or layout, or a vector would be a copy.
    """
    chunks: list[tuple[Array, ...]] = []
    for name, param in params.items():
        arrays = [param, *(other[name] for other in others)]
        for array in arrays:
            if (array.shape, _layout(array)) != (param.shape, _layout(param)):
                raise ValueError(
                    f"{name}: a parameter of shape {param.shape} and strides {param.strides}, but its gradient or "
                    f"state has shape {array.shape} and strides {array.strides}"
                )
        vectors = [_vector(name, array) for array in arrays]
        chunks += [
            tuple(vector[start : start + CHUNK] for vector in vectors)
            for start in range(0, param.size, CHUNK)
        ]
    return chunks


def scratch_for(params: Mapping[str, Array]) -> Array:
    """Return room for one chunk of any of the parameters."""
    return np.empty(CHUNK, np.result_type(*params.values()))


def _layout(x: Array) -> list[int]:
    """Return the distances in memory, in numbers, along the axes that have more than one entry."""
    return [stride // x.itemsize for stride, length in zip(x.strides, x.shape, strict=True) if length > 1]


def _vector(name: str, x: Array) -> Array:
    """View an array as a vector in the order of its memory."""
    vector = x.ravel(order="K")
    if x.size and not np.may_share_memory(vector, x):
        raise ValueError(
            f"{name}: an array of shape {x.shape} and strides {x.strides} is not contiguous in memory"
        )
    return vector
