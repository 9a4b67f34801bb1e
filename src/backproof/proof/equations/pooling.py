"""Max pooling, which selects, and average pooling."""

import numpy as np

from backproof.proof.equations.convolution import AT_PIXEL, g, h, p, q, u, v
from backproof.proof.equations.convolution import draw_sizes as draw_convolution
from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import Array, apply
from backproof.proof.formula.graph import Definition, Graph, Sizes, normal, shape
from backproof.proof.formula.index_form import Hardmax, Infinity, Largest, sum_over
from backproof.proof.formula.letters import HY, KH, KV, PADDING, STRIDE, VY, B, C, H, V
from backproof.proof.formula.matrix_form import Whole, identity
from backproof.proof.formula.notation import Index, Name, Size, Symbol, grad

ORDER = 10

s, i = Index("s", B), Index("i", C)
x, y = Symbol("x", (B, C, H, V)), Symbol("y", (B, C, HY, VY))
n = Symbol("n", (B, C, HY, VY, H, V), as_matrix=((0, 2, 3, 1), (0, 4, 5, 1)))
"""1 at the pixel that a window selects, else 0; as a matrix, it leaves samples and channels apart."""
w = Symbol("n", (HY, VY, H, V), as_matrix=((0, 1), (2, 3)))
"""1 at every pixel of a window, else 0."""


def draw_sizes(rng: np.random.Generator, sizes: tuple[Size, ...]) -> dict[Size, int]:
    """Draw windows that are at most half in the padding, as poolings have it, some of which overlap."""
    drawn = draw_convolution(rng, sizes)
    too_wide = max(0, drawn[PADDING] - 1)
    more = {pixels: drawn[pixels] + 2 * too_wide for pixels in (H, V)}
    return drawn | more | {PADDING: drawn[PADDING] - too_wide}


def draw_apart(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw images of which no two pixels are near each other: at a tie, no derivative exists."""
    b, c, *pixels = shape(x, sizes)
    ranks = [rng.permutation(np.prod(pixels)) for _ in range(b * c)]
    noise = rng.uniform(-0.1, 0.1, size=(b, c, *pixels))
    return {x: np.reshape(ranks, (b, c, *pixels)) * 0.5 - 3.0 + noise}


_sizes = (B, C, KH, KV, HY, VY, H, V, STRIDE, PADDING)
_is_inside = sum_over((p, q), AT_PIXEL)
_inside = apply("branch", _is_inside, x[s, i, g, u], -Infinity())
_first_largest = Hardmax((g, u), _inside)
_selected = sum_over((g, u), n[s, i, h, v, g, u] * x[s, i, g, u])
MAX_POOL = Graph(
    "max_pool",
    _sizes,
    draw_apart,
    (Definition(n, (s, i, h, v, g, u), _first_largest), Definition(y, (s, i, h, v), _selected)),
    (y,),
    draw_sizes,
)
_share = 1 / (KH * KV)
_mean = _share * sum_over((g, u), w[h, v, g, u] * x[s, i, g, u])
AVG_POOL = Graph(
    "avg_pool",
    _sizes,
    normal(x),
    (Definition(w, (h, v, g, u), _is_inside), Definition(y, (s, i, h, v), _mean)),
    (y,),
    draw_sizes,
)
_X, _G = Whole(x), Whole(grad(y))
_windows = apply("⊗", identity(B), Whole(w))

EQUATIONS = (
    Equation(
        "max_pool.y",
        y[s, i, h, v],
        (
            Largest(g, Largest(u, _inside)),
            sum_over((g, u), _first_largest * x[s, i, g, u]),
            _selected,
        ),
        MAX_POOL,
        Whole(n) @ apply("vec", _X),
        matrix_is_vec=True,
    ),
    Equation(
        "max_pool.dx",
        grad(x)[s, i, g, u],
        (sum_over((h, v), grad(y)[s, i, h, v] * n[s, i, h, v, g, u]),),
        MAX_POOL,
        Whole(n).T @ apply("vec", _G),
        matrix_is_vec=True,
    ),
    Equation(
        "avg_pool.y",
        y[s, i, h, v],
        (_share * sum_over((p, q, g, u), AT_PIXEL * x[s, i, g, u]), _mean),
        AVG_POOL,
        _share * (_windows @ _X),
    ),
    Equation(
        "avg_pool.dx",
        grad(x)[s, i, g, u],
        (_share * sum_over((h, v), grad(y)[s, i, h, v] * w[h, v, g, u]),),
        AVG_POOL,
        _share * (_windows.T @ _G),
    ),
)
