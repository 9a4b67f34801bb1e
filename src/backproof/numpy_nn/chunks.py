"""Arrays taken apart into pieces that fit the processor's cache, for updates in place."""

from collections.abc import Mapping

import numpy as np

from backproof.numpy_nn.array_checks import Array

CHUNK = 1 << 16
"""Numbers updated at a time: chunks of a quarter took longer, and scratch memory stays small."""


def chunks_of(params: Mapping[str, Array], **others: Mapping[str, Array]) -> list[tuple[Array, ...]]:
    """Return, piece by piece, vectors on the memory of every parameter and of the others' arrays of its name.

    Arrays of a name may have their axes in any order in memory, the same in all. Each of the others is given
    by the word for one of its arrays, such as ``gradient``.

    Raises:
        ValueError: if there is no parameter, if another's array is missing, or if the arrays of a name differ
            in shape, dtype or layout, or have gaps in memory.
        TypeError: if a parameter is not of a real floating dtype.
    """
    require_real(params)
    chunks: list[tuple[Array, ...]] = []
    for name, param in params.items():
        vectors = [_vector(name, param)]
        for word, other in others.items():
            require_same_layout(name, param, word, other.get(name))
            vectors.append(_vector(name, other[name]))
        chunks += [
            tuple(vector[start : start + CHUNK] for vector in vectors)
            for start in range(0, param.size, CHUNK)
        ]
    return chunks


def scratch_for(params: Mapping[str, Array]) -> Array:
    """Return room for one chunk of any of the parameters."""
    return np.empty(CHUNK, np.result_type(*params.values()))


def require_real(params: Mapping[str, Array]) -> None:
    """Refuse no parameters (ValueError), and such of a complex or whole dtype (TypeError)."""
    if not params:
        raise ValueError("there has to be at least one parameter to update")
    for name, param in params.items():
        if not np.issubdtype(param.dtype, np.floating):
            raise TypeError(
                f"{name} of shape {param.shape} is {param.dtype}, but updates are of real numbers"
            )


def require_same_layout(name: str, param: Array, word: str, other: Array | None) -> None:
    """Refuse an array unlike the parameter (ValueError); where an axis has one entry, its stride is free."""
    if other is None:
        raise ValueError(f"{name}: the parameter has no {word} of this name")
    if (param.shape, param.dtype) != (other.shape, other.dtype) or any(
        mine != its and length > 1
        for mine, its, length in zip(param.strides, other.strides, param.shape, strict=True)
    ):
        raise ValueError(
            f"{name}: shape, dtype and strides are {param.shape}, {param.dtype} and {param.strides}; "
            f"its {word}'s are {other.shape}, {other.dtype} and {other.strides}"
        )


def _vector(name: str, x: Array) -> Array:
    """View an array as a vector in the order of its memory."""
    vector = x.ravel(order="K")
    if x.size and not np.may_share_memory(vector, x):
        raise ValueError(
            f"{name}: an array of shape {x.shape} and strides {x.strides} is no vector in memory; "
            "make it contiguous"
        )
    return vector
