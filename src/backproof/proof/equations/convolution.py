"""The convolution: every window of the image as a row, one product, and the way back."""

from dataclasses import replace
from functools import partial

import numpy as np

from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import apply
from backproof.proof.formula.graph import Definition, Graph, normal
from backproof.proof.formula.index_form import Delta, sum_over
from backproof.proof.formula.letters import HY, KH, KV, PADDING, STRIDE, VY, B, C, H, M, V
from backproof.proof.formula.matrix_form import Whole, identity, ones
from backproof.proof.formula.notation import Derivative, Index, Size, Symbol, grad

ORDER = 9

s, r, m, i, j = Index("s", B), Index("r", B), Index("m", M), Index("i", C), Index("j", C)
h, v, g, u = Index("h", HY), Index("v", VY), Index("g", H), Index("u", V)
"""A window's row and column, and a pixel's."""
p, q = Index("p", KH), Index("q", KV)
x, y, b = Symbol("x", (B, C, H, V)), Symbol("y", (B, M, HY, VY)), Symbol("b", (M,))
W = Symbol("W", (M, C, KH, KV), as_matrix=((0,), (2, 3, 1)))
z = Symbol("z", (B, HY, VY, KH, KV, C), as_matrix=((0, 1, 2), (3, 4, 5)))
"""Every window, as a row."""
n = Symbol("n", (HY, VY, KH, KV, H, V), as_matrix=((0, 1, 2, 3), (4, 5)))
"""1 where a place in a window is this pixel, else 0."""
W_flipped = Symbol("W", (C, M, KH, KV), "tilde", as_matrix=((0,), (2, 3, 1)))
"""The kernel turned by half a turn, with channels in and out exchanged."""
n_back = Symbol("n", (H, V, KH, KV, HY, VY), "tilde", as_matrix=((0, 1, 2, 3), (4, 5)))
"""The same as n, for the windows of ∂L/∂y that the flipped kernel sees."""


def draw_sizes(rng: np.random.Generator, _: tuple[Size, ...], stride: int | None = None) -> dict[Size, int]:
    """Draw a kernel, how it moves and to how many places; the image is what it moves over.

    Some pixels at the end may be in no window. Rows are never as many as columns, nor are two of B, C and M
    alike.
    """
    drawn: dict[Size, int] = {}
    for unlike, numbers in (((B, C, M), (2, 3, 4)), ((KH, KV), (2, 3)), ((HY, VY), (2, 4))):
        drawn |= zip(unlike, rng.permutation(numbers).tolist(), strict=True)
    drawn[STRIDE] = stride or int(rng.integers(1, 3))
    axes = ((H, KH, HY), (V, KV, VY))
    reached = [drawn[STRIDE] * (drawn[out] - 1) + drawn[kernel] for _pixels, kernel, out in axes]
    drawn[PADDING] = int(rng.integers(0, (min(reached) - 1) // 2 + 1))
    for (pixels, _kernel, _out), length in zip(axes, reached, strict=True):
        drawn[pixels] = length - 2 * drawn[PADDING] + int(rng.integers(drawn[STRIDE]))
    return drawn


AT_PIXEL = Delta(g + PADDING, STRIDE * h + p) * Delta(u + PADDING, STRIDE * v + q)
"""1 where the place (p, q) of the window (h, v) is the pixel (g, u); in the padding there is none."""
_AT_PIXEL_1 = Delta(g + PADDING, h + p) * Delta(u + PADDING, v + q)
_AT_PIXEL_BACK = Delta(h + KH - 1 - PADDING, g + p) * Delta(v + KV - 1 - PADDING, u + q)
_z = sum_over((g, u), AT_PIXEL * x[s, i, g, u])
_y = sum_over((p, q, i), W[m, i, p, q] * z[s, h, v, p, q, i]) + b[m]
_flipped = W[m, i, KH - 1 - p, KV - 1 - q]
_DEFINITIONS = (
    Definition(n, (h, v, p, q, g, u), AT_PIXEL),
    Definition(z, (s, h, v, p, q, i), _z),
    Definition(y, (s, m, h, v), _y),
)
CONVOLUTION = Graph(
    "convolution",
    (B, C, M, KH, KV, HY, VY, H, V, STRIDE, PADDING),
    normal(x, W, b),
    _DEFINITIONS,
    (y,),
    draw_sizes,
)
STRIDE_1 = replace(
    CONVOLUTION,
    name="convolution_stride_1",
    draw_sizes=partial(draw_sizes, stride=1),
    definitions=(
        *_DEFINITIONS,
        Definition(W_flipped, (i, m, p, q), _flipped),
        Definition(n_back, (g, u, p, q, h, v), _AT_PIXEL_BACK),
    ),
)
_Z, _W, _G, _1 = Whole(z), Whole(W), Whole(grad(y)), ones(B, HY, VY)
_im2col = apply("⊗", identity(B), apply("⊗", Whole(n), identity(C)))
_im2col_back = apply("⊗", identity(B), apply("⊗", Whole(n_back), identity(M)))
_dz = grad(z)[r, h, v, p, q, j]
_everywhere = (r, h, v, p, q, j)

EQUATIONS = (
    Equation(
        "conv.z",
        z[s, h, v, p, q, i],
        (_z,),
        CONVOLUTION,
        _im2col @ apply("vec", Whole(x)),
        matrix_is_vec=True,
    ),
    Equation(
        "conv.y",
        y[s, m, h, v],
        (sum_over((p, q, i), W[m, i, p, q] * _z) + b[m], _y),
        CONVOLUTION,
        _Z @ _W.T + _1 @ Whole(b).T,
    ),
    Equation("conv.db", grad(b)[m], (sum_over((s, h, v), grad(y)[s, m, h, v]),), CONVOLUTION, _G.T @ _1),
    Equation(
        "conv.dW",
        grad(W)[m, i, p, q],
        (
            sum_over((s, h, v), grad(y)[s, m, h, v] * _z),
            sum_over((s, h, v), grad(y)[s, m, h, v] * z[s, h, v, p, q, i]),
        ),
        CONVOLUTION,
        _G.T @ _Z,
    ),
    Equation(
        "conv.dz",
        grad(z)[s, h, v, p, q, i],
        (sum_over((m,), grad(y)[s, m, h, v] * W[m, i, p, q]),),
        CONVOLUTION,
        _G @ _W,
    ),
    Equation(
        "conv.dx",
        grad(x)[s, i, g, u],
        (
            sum_over(_everywhere, _dz * Derivative(x, z)[r, h, v, p, q, j, s, i, g, u]),
            sum_over(_everywhere, _dz * (Delta(r, s) * Delta(j, i) * AT_PIXEL)),
            sum_over((h, v, p, q), grad(z)[s, h, v, p, q, i] * AT_PIXEL),
        ),
        CONVOLUTION,
        _im2col.T @ apply("vec", Whole(grad(z))),
        matrix_is_vec=True,
    ),
    Equation(
        "conv.dx_flipped",
        grad(x)[s, i, g, u],
        (
            sum_over((h, v, p, q, m), grad(y)[s, m, h, v] * (W[m, i, p, q] * _AT_PIXEL_1)),
            sum_over((p, q, m), _flipped * sum_over((h, v), _AT_PIXEL_BACK * grad(y)[s, m, h, v])),
        ),
        STRIDE_1,
        apply("⊗", identity(B, H, V), Whole(W_flipped)) @ (_im2col_back @ apply("vec", _G)),
        matrix_is_vec=True,
    ),
)
