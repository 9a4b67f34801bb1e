"""Every equation is proven, and none is shown, written or coded without a proof."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from backproof.numpy_nn.activations import Softmax
from backproof.numpy_nn.linear import Linear
from backproof.proof import code, equations
from backproof.proof.code import CODE, TORCH
from backproof.proof.equations import EQUATIONS, batchnorm, pooling
from backproof.proof.formula.expression import Number, apply
from backproof.proof.formula.index_form import Sum, evaluate
from backproof.proof.formula.letters import HY, KH, KV, PADDING, STRIDE, VY, B, C, H, M, V
from backproof.proof.formula.matrix_form import Whole, ones
from backproof.proof.formula.notation import Index, Size
from backproof.proof.prove import SAMPLES, SEED, TOLERANCE, choose, prove

CLI = Callable[..., tuple[int, str, str]]
SOURCE = Path(__file__).parents[2] / "src" / "backproof"
LABEL = re.compile(rf"^ *((?:{'|'.join(EQUATIONS)})(?=:)|[a-z]\w*\.\w+(?=:  )): *(.*)$", re.MULTILINE)


@pytest.mark.parametrize("label", EQUATIONS)
def test_every_equation_is_proven(label: str) -> None:
    proof = prove(EQUATIONS[label], samples=2)
    assert proof.is_proven
    assert proof.worst <= TOLERANCE <= 1e-10


def test_every_label_has_its_code_and_all_code_its_label() -> None:
    assert CODE.keys() == EQUATIONS.keys()
    assert TORCH.keys() == {equation.graph.name for equation in EQUATIONS.values()}


def test_each_label_and_each_graph_stands_in_one_file() -> None:
    files = [import_module(f"{code.__name__}.{file.name}") for file in iter_modules(code.__path__)]
    assert sum(len(file.CODE) for file in files) == len(CODE)
    assert sum(len(file.TORCH) for file in files) == len(TORCH)
    assert [file.name for file in iter_modules(code.__path__)] == [
        file.name for file in iter_modules(equations.__path__)
    ]


def test_gradients_are_judged_by_the_taylor_remainder_too() -> None:
    for label in ("linear.dW", "softmax.dx", "bn.dx", "bn2d.dx", "chain.softmax"):
        order = prove(EQUATIONS[label], samples=1).order
        assert order is not None
        assert order > 1.9


def formulas_in(path: Path) -> dict[str, str]:
    """Read the formulas of a file's docstrings by their labels; one may go on in the lines below."""
    text = path.read_text(encoding="utf-8")
    found = {}
    for match in LABEL.finditer(text):
        indent = len(match[0]) - len(match[0].lstrip())
        rest = []
        for line in text[match.end() + 1 :].splitlines():
            if not line.startswith(" " * (indent + 8)):
                break
            rest.append(line)
        formula = " ".join(" ".join([match[2], *rest]).split())
        found[match[1]] = unicodedata.normalize("NFC", formula)
    return found


CODED = [
    *SOURCE.glob("numpy_nn/*.py"),
    *SOURCE.glob("torch_nn/batchnorm/*.py"),
    SOURCE / "torch_nn" / "offset_products.py",
]


@pytest.mark.parametrize("path", [path for path in CODED if formulas_in(path)], ids=lambda path: path.stem)
def test_formulas_of_docstrings_are_the_proven_ones(path: Path) -> None:
    for label, formula in formulas_in(path).items():
        assert label in EQUATIONS
        assert formula == unicodedata.normalize("NFC", EQUATIONS[label].write("plain"))


def test_docstrings_carry_the_labels_of_the_layers() -> None:
    labels = {label for path in CODED for label in formulas_in(path)}
    families = {
        *("linear", "leaky_relu", "softmax", "cross_entropy", "softmax_cross_entropy", "sgd"),
        *("conv", "max_pool", "avg_pool", "relu", "dropout"),
        *("weight_decay", "momentum", "nesterov", "adam", "adamw"),
        *("label_smoothing", "clipping", "averaging"),
    }
    only_derived = {"conv.dx_flipped"}
    assert {label for label in EQUATIONS if label.partition(".")[0] in families} <= labels | only_derived
    assert {f"bn.{name}" for name in ("mu", "var", "xhat", "y", "dgamma", "dbeta", "dx", "ydot")} <= labels


def test_a_wrong_layer_is_not_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Linear.backward_params

    def wrong(self: Linear, dout: np.ndarray) -> None:
        right(self, dout)
        self.grads["bias"][...] = dout.mean(axis=0)

    monkeypatch.setattr(Linear, "backward_params", wrong)
    proof = prove(EQUATIONS["linear.db"])
    assert not proof.is_proven
    assert proof.order is not None
    assert proof.order == pytest.approx(1, abs=0.01)
    assert proof.code > 0.1
    assert proof.index <= TOLERANCE
    assert prove(EQUATIONS["linear.dW"]).is_proven


def test_code_of_another_shape_is_wrong_and_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    backward = Softmax.backward
    monkeypatch.setattr(Softmax, "backward", lambda self, dout: backward(self, dout).ravel())
    assert prove(EQUATIONS["softmax.dx"]).code == float("inf")


def test_a_convolutions_samples_see_strides_padding_and_pixels_in_no_window() -> None:
    drawn = [EQUATIONS["conv.dx"].sample(SEED, number).sizes for number in range(SAMPLES)]
    for sizes in drawn:
        for pixels, kernel, windows in ((H, KH, HY), (V, KV, VY)):
            moves = sizes[pixels] + 2 * sizes[PADDING] - sizes[kernel]
            assert moves // sizes[STRIDE] + 1 == sizes[windows]
        assert sizes[H] != sizes[V]
        assert sizes[KH] != sizes[KV]
        assert len({sizes[B], sizes[C], sizes[M]}) == 3
    assert {1, 2} <= {sizes[STRIDE] for sizes in drawn}
    assert any(sizes[STRIDE] > 1 and sizes[PADDING] > 0 for sizes in drawn)
    assert {
        sizes[STRIDE] for sizes in (EQUATIONS["conv.dx_flipped"].sample(SEED, n).sizes for n in range(5))
    } == {1}


def test_pooled_images_have_no_ties_and_select_as_pytorch_does() -> None:
    for number in range(SAMPLES):
        sample = EQUATIONS["max_pool.dx"].sample(SEED, number)
        images, sizes = torch.tensor(sample[pooling.x]), sample.sizes
        flat = images.flatten(2)
        distances = (flat[..., None] - flat[..., None, :]).abs() + torch.eye(flat.shape[2]) * 9
        assert distances.min() > 0.25
        kernel = sizes[KH], sizes[KV]
        _, indices = F.max_pool2d(images, kernel, sizes[STRIDE], sizes[PADDING], return_indices=True)
        chosen = F.one_hot(indices, flat.shape[2]).unflatten(-1, images.shape[2:])
        np.testing.assert_array_equal(sample[pooling.n], chosen.numpy())


def test_a_formula_whose_index_is_free_is_refused() -> None:
    equation = EQUATIONS["linear.dW"]
    sample = equation.sample(seed=0)
    [_, body] = equation.steps[0].parts()
    with pytest.raises(ValueError, match="s is neither summed nor on the left"):
        evaluate(body, equation.indices, sample.sizes, sample)


def test_a_matrix_form_that_does_not_fit_cannot_be_evaluated() -> None:
    equation = EQUATIONS["linear.dW"]
    sample = equation.sample(seed=0)
    assert equation.matrix is not None
    with pytest.raises(ValueError, match="mismatch"):
        replace(equation, matrix=equation.matrix @ equation.matrix).matrix_value(sample)


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("linear.db", lambda right: right.T),
        ("linear.dW", lambda right: right.T),
        ("linear.dW", lambda right: apply("vec", right)),
        ("bn.dgamma", lambda right: right.T),
        ("bn.y", lambda right: right + ones(B).T),
    ],
)
def test_a_matrix_form_of_another_shape_is_not_proven(label: str, wrong: Callable[[Any], Any]) -> None:
    equation = EQUATIONS[label]
    with pytest.raises(ValueError, match="shape"):
        prove(replace(equation, matrix=wrong(equation.matrix)), samples=1)


def test_matrices_are_not_multiplied_entry_by_entry_unseen() -> None:
    x, gamma, beta = Whole(batchnorm.xhat), Whole(batchnorm.gamma), Whole(batchnorm.beta)
    for product in (x * gamma.T, x / gamma.T):
        with pytest.raises(ValueError, match="joins shapes"):
            prove(replace(EQUATIONS["bn.y"], matrix=product + ones(B) @ beta.T), samples=1)


def test_one_letter_has_one_meaning_in_an_equation() -> None:
    equation = EQUATIONS["linear.dW"]
    other = Index("j", Size("K"))
    with pytest.raises(ValueError, match="j means two things"):
        replace(equation, steps=(*equation.steps, Sum(other, Number(1))))


def test_labels_families_and_mistakes() -> None:
    assert [equation.label for equation in choose(["linear.dW"])] == ["linear.dW"]
    assert [equation.label for equation in choose(["softmax"])] == ["softmax.p", "softmax.dx"]
    assert len(choose([])) == len(EQUATIONS)


def test_the_command_prints_each_proof(cli: CLI) -> None:
    code, out, _ = cli("prove", "linear", "bn.dx")
    assert code == 0
    assert "∂L/∂W_ij = Σ_s ∂L/∂y_si x_sj" in out
    rows = [line.split() for line in out.splitlines() if line.startswith(("linear.", "bn."))]
    assert [row[0] for row in rows] == ["linear.y", "linear.dx", "linear.dW", "linear.db", "bn.dx"]
    assert all(row[-1] == "proven" for row in rows)
    assert "5 proven; worst relative error" in out


def test_an_unknown_label_is_one_clear_line(cli: CLI) -> None:
    for wrong in ("linear.W", "Linear.dw"):
        code, _, err = cli("prove", wrong)
        assert (code, err) == (2, f"backproof: no equation '{wrong}'; did you mean 'linear.dW'?\n")
    code, _, err = cli("prove", "nonsense")
    assert code == 2
    assert "families are layer, jacobian, chain, linear," in err
    assert err.count("\n") == 1
