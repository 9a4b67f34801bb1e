"""A docstring's label is proven of the function that it stands in, and no public function is left out."""

import ast
import importlib.util
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from backproof.numpy_nn import activations
from backproof.proof import docstring_labels
from backproof.proof.docstring_labels import EXEMPT, functions, labels_in, not_computing, not_run_by_proofs
from backproof.proof.equations import EQUATIONS
from backproof.proof.mutation.mutation_test import code_traces
from backproof.proof.prove import prove
from backproof.proof.trace import trace

SOURCE = Path(docstring_labels.__file__).parents[1]
CLI = Callable[..., tuple[int, str, str]]
CUBE = '''
class Cube:
    def forward(self, x):
        """Map x (B, C) to y (B, C).

        leaky_relu.y:  y_si = max(0, x_si) + a min(0, x_si)
        """
        return x**3

    def backward(self, dout):
        """Return dx (B, C), given dout = ∂L/∂y (B, C).

        leaky_relu.dx:  ∂L/∂x_si = ∂L/∂y_si (1 if x_si > 0 else a)
        """
        return 7 * dout
'''


@pytest.fixture
def judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Take a text for one more module of hand-written code."""

    def added(text: str) -> ModuleType:
        path = tmp_path / "added.py"
        path.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location("added", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.setattr(docstring_labels, "MODULES", [*docstring_labels.MODULES, module])
        return module

    return added


def computing_functions() -> frozenset[str]:
    return frozenset[str]().union(*(traced.computing_functions for traced in code_traces().values()))


def test_every_public_function_is_run_by_a_proof_or_exempt() -> None:
    assert not_run_by_proofs(computing_functions()) == []


def test_no_exemption_outlives_its_reason() -> None:
    computing = computing_functions()
    # These run, but no result depends on what they choose; the tests that their reasons name judge them.
    choosing = docstring_labels._CHOICE, docstring_labels._ORIGIN
    for exempt, reason in EXEMPT.items():
        exempted = {function.name for function in functions() if f"{function.name}.".startswith(f"{exempt}.")}
        assert exempted, exempt
        assert reason in choosing or not exempted & computing, exempt


def test_reasons_name_tests_that_are_there() -> None:
    for reason in EXEMPT.values():
        for path in re.findall(r"tests/\S+\.py", reason):
            assert (SOURCE.parents[1] / path).is_file()


def test_labels_stand_in_hand_written_code_alone() -> None:
    judged = {Path(inspect.getfile(module)) for module in docstring_labels.MODULES}
    for path in SOURCE.rglob("*.py"):
        if path not in judged and (docstrings := list(map(ast.get_docstring, documented(path)))):
            assert not labels_in("\n".join(filter(None, docstrings))), path


def documented(path: Path) -> list[ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, kinds)]


def test_a_wrong_class_with_anothers_labels_is_caught(judge: Callable[[str], ModuleType], cli: CLI) -> None:
    judge(CUBE)
    for label, method in (("leaky_relu.y", "added.Cube.forward"), ("leaky_relu.dx", "added.Cube.backward")):
        proof = prove(EQUATIONS[label], samples=1)
        assert proof.not_computing == (method,)
        assert not proof.is_proven
    assert {"added.Cube.forward", "added.Cube.backward"} == set(not_run_by_proofs(computing_functions()))
    code, out, _ = cli("prove", "leaky_relu.y")
    assert code == 1
    assert "NOT PROVEN: its label stands in added.Cube.forward" in out


def test_a_class_without_labels_is_caught(judge: Callable[[str], ModuleType]) -> None:
    judge(re.sub(r"\n *leaky_relu.*", "", CUBE))
    assert not_run_by_proofs(computing_functions()) == ["added.Cube.backward", "added.Cube.forward"]


@pytest.mark.parametrize(
    "text",
    [
        '"""Rules.\n\nleaky_relu.y:  y_si = 0\n"""',
        'class Cube:\n    """Rules.\n\n    leaky_relu.y:  y_si = 0\n    """',
        'class Cube:\n    """Rules.\n\n    leaky_relu.y:  y_si = 0\n    """\n\n    def _step(self): return 3',
        'class Cube:\n    """Rules.\n\n    leaky_relu.y:  y_si = 0\n    """\n\n    def step(self): return 3',
        '"""leaky_relu.y: y_si = 0"""',
        '"""leaky_relu.y:y_si = 0"""',
        '"""Rules.\n\nThe rule is leaky_relu.y:\n\n    y_si = 0\n"""',
        'async def f():\n    """Rule.\n\n    leaky_relu.y:  y_si = 0\n    """',
        'class Cube:\n    """Rule.\n\n    leaky_relu.y:  y_si = 0\n    """\n\n    forward = lambda x: x',
        'def f():\n    class Cube:\n        """Rule.\n\n        leaky_relu.y:  y_si = 0\n        """',
        'def f():\n    def g():\n        """Rule.\n\n        leaky_relu.y:  y_si = 0\n        """',
        'if True:\n    def f():\n        """Rule.\n\n        leaky_relu.y:  y_si = 0\n        """',
    ],
)
def test_a_label_is_found_wherever_it_stands(text: str, judge: Callable[[str], ModuleType]) -> None:
    judge(text)
    [name] = prove(EQUATIONS["leaky_relu.y"], samples=1).not_computing
    assert name.startswith("added")


def test_a_label_of_a_class_is_not_proven_by_its_own_methods_where_one_is_inherited(
    judge: Callable[[str], ModuleType],
) -> None:
    judge(
        "from backproof.numpy_nn.activations import LeakyReLU\n"
        "class Cube(LeakyReLU):\n"
        '    """Rules.\n\n    leaky_relu.dx:  ∂L/∂x_si = 0\n    """\n\n'
        "    def forward(self, x): return x**3\n"
    )
    computing = computing_functions() | {"added.Cube.forward"}
    assert not_computing("leaky_relu.dx", computing) == ["added.Cube.backward"]
    assert not_run_by_proofs(computing) == ["added.Cube.backward"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("async def f(x): return x**3", "f"),
        ("f = lambda x: x**3", "f"),
        ("f: object = lambda x: x**3", "f"),
        ("def _cube(x): return x**3\nf, g = _cube, 3", "f"),
        ("from functools import partial\nf = partial(pow, exp=3)", "f"),
        (
            "from backproof.numpy_nn.losses import one_hot as other\nclass Cube: forward = other",
            "Cube.forward",
        ),
        ("class Cube:\n    if True:\n        forward = staticmethod(lambda x: x**3)", "Cube.forward"),
    ],
)
def test_a_public_name_for_a_function_without_a_def_there_is_caught(
    text: str, name: str, judge: Callable[[str], ModuleType]
) -> None:
    judge(text)
    assert not_run_by_proofs(computing_functions()) == [f"added.{name}"]


def test_types_and_values_are_no_functions(judge: Callable[[str], ModuleType]) -> None:
    judge("Pair = tuple[int, int]\nCube = float\nSIDE: float = 3\nside: float\n_f = lambda x: x**3")
    assert not_run_by_proofs(computing_functions()) == []


def test_a_label_moved_to_another_method_is_caught(judge: Callable[[str], ModuleType]) -> None:
    """The proof of a gradient runs forward too, but it is backward that computes what is compared."""
    source = inspect.getsource(activations)
    [line] = re.findall(r"^ *softmax\.dx: .*\n", source, re.MULTILINE)
    moved = source.replace(line, "").replace("        softmax.p: ", f"{line}        softmax.p: ")
    assert moved.index("softmax.dx:") < moved.index("softmax.p:")
    module = judge(moved)

    def softmax_dx():  # type: ignore[no-untyped-def]
        sample = EQUATIONS["softmax.dx"].sample(seed=0)
        layer = module.Softmax()
        layer.forward(next(iter(sample.arrays.values())))
        yield layer.backward(next(iter(sample.upstream.values())))

    traced = trace(softmax_dx())
    assert "added.Softmax.forward" in traced.called_functions
    assert "added.Softmax.forward" in not_computing("softmax.dx", traced.computing_functions)
    assert "added.Softmax.backward" in traced.computing_functions
