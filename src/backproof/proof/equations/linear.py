"""The affine map of a batch."""

from backproof.proof.formula.equation import Equation
from backproof.proof.formula.graph import Definition, Graph, normal
from backproof.proof.formula.index_form import Sum
from backproof.proof.formula.letters import B, D, M
from backproof.proof.formula.matrix_form import Whole, ones
from backproof.proof.formula.notation import Index, Symbol, grad

ORDER = 2

s, i, j = Index("s", B), Index("i", M), Index("j", D)
x, y = Symbol("x", (B, D)), Symbol("y", (B, M))
W, b = Symbol("W", (M, D)), Symbol("b", (M,))

_forward = Sum(j, W[i, j] * x[s, j]) + b[i]
LINEAR = Graph("linear", (B, D, M), normal(x, W, b), (Definition(y, (s, i), _forward),), (y,))
_X, _W, _G, _1 = Whole(x), Whole(W), Whole(grad(y)), ones(B)

EQUATIONS = (
    Equation("linear.y", y[s, i], (_forward,), LINEAR, _X @ _W.T + _1 @ Whole(b).T),
    Equation("linear.dx", grad(x)[s, j], (Sum(i, grad(y)[s, i] * W[i, j]),), LINEAR, _G @ _W),
    Equation("linear.dW", grad(W)[i, j], (Sum(s, grad(y)[s, i] * x[s, j]),), LINEAR, _G.T @ _X),
    Equation("linear.db", grad(b)[i], (Sum(s, grad(y)[s, i]),), LINEAR, _G.T @ _1),
)
