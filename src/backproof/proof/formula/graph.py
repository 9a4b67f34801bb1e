"""A computation in index form, and its exact derivatives, which owe nothing to any hand-written gradient."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.gradcheck.derivatives import complex_jacobian
from backproof.proof.formula.expression import Array, Formula
from backproof.proof.formula.index_form import evaluate
from backproof.proof.formula.matrix_form import names_in
from backproof.proof.formula.notation import Derivative, Index, Name, Size, Symbol

Sizes = Mapping[Size, int]
_LEAST_SIZE, _USUAL_SIZES = 2, 4


@dataclass(frozen=True)
class Definition:
    """One step of a computation: each entry of the symbol, by the indices on the left."""

    symbol: Symbol
    left: tuple[Index, ...]
    formula: Formula


def normal(*symbols: Symbol) -> Callable[[np.random.Generator, Sizes], dict[Name, Array]]:
    """Return what draws these symbols' entries from N(0, 1)."""

    def draw(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
        return {symbol: rng.normal(size=shape(symbol, sizes)) for symbol in symbols}

    return draw


def shape(name: Name, sizes: Sizes) -> tuple[int, ...]:
    """Return the shape of a name's array."""
    return tuple(sizes[size] for size in name.sizes)


def no_two_alike(rng: np.random.Generator, sizes: tuple[Size, ...]) -> dict[Size, int]:
    """Draw a number for each size, so that an index in the wrong place cannot fit."""
    n = len(sizes)
    drawn = rng.choice(max(n, _USUAL_SIZES), n, replace=False) + _LEAST_SIZE
    return dict(zip(sizes, drawn.tolist(), strict=True))


@dataclass(frozen=True)
class Graph:
    """A computation from random inputs through definitions to outputs, on which a loss L depends."""

    name: str
    sizes: tuple[Size, ...]
    draw: Callable[[np.random.Generator, Sizes], dict[Name, Array]]
    """Draws the inputs."""
    definitions: tuple[Definition, ...]
    outputs: tuple[Symbol, ...]
    """What L depends on, with random ∂L/∂output; an output without indices is L itself."""
    draw_sizes: Callable[[np.random.Generator, tuple[Size, ...]], dict[Size, int]] = no_two_alike

    def run(
        self, sizes: Sizes, inputs: Mapping[Name, Array], fixed: Mapping[Name, Array]
    ) -> dict[Name, Array]:
        """Compute every definition in turn; a symbol in ``fixed`` keeps its value there."""
        arrays = {**inputs, **fixed}
        for definition in self.definitions:
            if definition.symbol not in fixed:
                arrays[definition.symbol] = evaluate(definition.formula, definition.left, sizes, arrays)
        return arrays

    def derivative(self, of: Symbol, by: Symbol, sizes: Sizes, arrays: Mapping[Name, Array]) -> Array:
        """Return ∂of/∂by, indices of ``of`` first: ``by`` changes, and all that depends on it."""
        changing = {by}
        for definition in self.definitions:
            if not changing.isdisjoint(names_in(definition.formula)):
                changing.add(definition.symbol)
        still = {name: array for name, array in arrays.items() if name not in changing}

        def of_changed(z: Array) -> Array:
            return self.run(sizes, {}, {**still, by: z})[of]

        return complex_jacobian(of_changed, arrays[by])

    @property
    def defined(self) -> set[Symbol]:
        """The symbols that it computes."""
        return {definition.symbol for definition in self.definitions}


class Sample:
    """A graph with random inputs and upstream gradients: its arrays, and any derivative that is asked for."""

    def __init__(
        self, graph: Graph, sizes: Sizes, inputs: np.random.Generator, upstream: np.random.Generator
    ) -> None:
        self.graph, self.sizes = graph, sizes
        self.arrays: dict[Name, Array] = graph.run(sizes, graph.draw(inputs, sizes), {})
        self.upstream: dict[Symbol, Array] = {
            symbol: upstream.normal(size=self.arrays[symbol].shape) if symbol.sizes else np.array(1.0)
            for symbol in graph.outputs
        }

    def __getitem__(self, name: Name) -> Array:
        """Return an array; a derivative is computed when it is first asked for."""
        if name not in self.arrays:
            if not isinstance(name, Derivative):
                raise KeyError(f"the graph has no {name.write('plain')}")
            self.arrays[name] = self._derivative(name)
        return self.arrays[name]

    def _derivative(self, name: Derivative) -> Array:
        if name.of is not None:
            return self.graph.derivative(name.of, name.by, self.sizes, self.arrays)
        if name.by in self.upstream:
            return self.upstream[name.by]
        total: Any = 0
        for output, upstream in self.upstream.items():
            jacobian = self.graph.derivative(output, name.by, self.sizes, self.arrays)
            total = total + np.tensordot(upstream, jacobian, upstream.ndim)
        return np.asarray(total)
