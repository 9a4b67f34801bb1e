"""One class of one file, checked in the sandbox."""

import shutil
from errno import EACCES
from pathlib import Path

import pytest

from backproof.checker.check_class import check_class
from backproof.checker.check_report import Finding
from backproof.checker.submission_folder import FolderError
from backproof.errors import ConfigError
from checker.catalogue import sources, write

pytestmark = pytest.mark.slow
SCALE = """
import numpy as np

class Scale:
    example = ((4, 2.0), (3, 4))

    def __init__(self, size, start):
        self.params = {"w": np.full(size, start)}
        self.grads = {}

    def forward(self, x):
        self.x = x
        return x * self.params["w"]

    def backward(self, dout):
        self.grads["w"] = (dout * self.x).sum(0)
        return dout * self.params["w"]
"""
BATCH_NORM = """
import numpy as np

class BatchNorm:
    def __init__(self, n_neurons, eps=1e-5):
        self.eps = eps
        self.params = {"gamma": np.ones(n_neurons), "beta": np.zeros(n_neurons)}

    def forward(self, x):
        mean, self.sigma = x.mean(0), np.sqrt(x.var(0) + self.eps)
        self.normal = (x - mean) / self.sigma
        return self.params["gamma"] * self.normal + self.params["beta"]

    def backward(self, dout):
        self.grads = {"gamma": (dout * self.normal).sum(0), "beta": dout.sum(0)}
        d = dout * self.params["gamma"]
        return (d - d.mean(0) - self.normal * (d * self.normal).mean(0)) / self.sigma
"""
CONVOLUTION = """
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

def example():
    return (2, 3, 2), (2, 2, 4, 4)

class Convolution:
    def __init__(self, channels, filters, size):
        self.size = size
        self.params = [np.zeros((filters, channels, size, size)), np.zeros(filters)]

    def forward(self, x):
        self.windows = sliding_window_view(x, (self.size, self.size), axis=(2, 3))
        return np.einsum("bchwij,fcij->bfhw", self.windows, self.params[0]) + self.params[1][:, None, None]

    def backward(self, dout):
        self.grads = [np.einsum("bchwij,bfhw->fcij", self.windows, dout), dout.sum((0, 2, 3))]
        edge = (self.size - 1, self.size - 1)
        around = sliding_window_view(np.pad(dout, ((0, 0), (0, 0), edge, edge)), edge_size(edge), axis=(2, 3))
        return np.einsum("bfhwij,fcij->bchw", around, self.params[0][:, :, ::-1, ::-1])

def edge_size(edge):
    return edge[0] + 1, edge[1] + 1
"""
DROPOUT = """
import numpy as np

class Dropout:
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def forward(self, x):
        self.mask = self.rng.random(x.shape) < 0.5
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask
"""


def wrong_in(file: Path, class_name: str) -> Finding:
    """Check, and return the one finding that is not right."""
    (finding,) = [finding for finding in check_class(file, class_name).findings if finding.verdict != "right"]
    return finding


@pytest.mark.parametrize("style", ["einsum", "float32"])
def test_the_courses_layers_need_no_example(style: str, tmp_path: Path) -> None:
    write(sources(style), tmp_path)
    for name, gradients in (
        ("LinearModule", {"dx", "grads['weight']", "grads['bias']"}),
        ("LeakyReLUModule", {"dx"}),
        ("SoftMaxModule", {"dx"}),
        ("CrossEntropyModule", {"dx"}),
    ):
        report = check_class(tmp_path / "modules.py", name)
        assert report.ok, report.findings
        assert {finding.id for finding in report.findings} == {
            f"module/{name}.{gradient}" for gradient in gradients | {"cost"}
        }


@pytest.mark.parametrize(
    ("name", "source"), [("BatchNorm", BATCH_NORM), ("Convolution", CONVOLUTION), ("Dropout", DROPOUT)]
)
def test_other_layers_are_right_too(name: str, source: str, tmp_path: Path) -> None:
    file = tmp_path / "2 layers of mine.py"
    file.write_text(source)
    report = check_class(file, name)
    assert report.ok, report.findings
    assert {"python", "backproof", "numpy"} <= report.versions.keys()
    assert [file.path for file in report.files] == ["_2_layers_of_mine.py"]


def test_an_example_tells_how_a_layer_is_made(tmp_path: Path) -> None:
    file = tmp_path / "scale.py"
    without = SCALE.replace("    example = ((4, 2.0), (3, 4))\n", "")
    for source in (
        SCALE,
        without + "\nexample = (4, 2.0), (3, 4)\n",
        without + "\ndef example():\n    return (4, 2.0), np.ones((3, 4))\n",
    ):
        file.write_text(source)
        report = check_class(file, "Scale")
        assert report.ok, report.findings
        names = {"dx", "grads['w']", "cost"}
        assert {finding.id for finding in report.findings} == {f"module/Scale.{name}" for name in names}
    file.write_text(without + "\nexample = 4\n")
    with pytest.raises(ConfigError, match=r"this example cannot be used: 4; .*example = \(4, 3\), \(5, 4\)"):
        check_class(file, "Scale")


@pytest.mark.parametrize("name", ["layer", "example", "bases", "copied", "met", "y"])
def test_a_file_may_have_any_name(name: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.py"
    file.write_text(SCALE)
    assert check_class(file, "Scale").ok


@pytest.mark.parametrize("passes", ["(self, x):\n", "(self, dout):\n"])
def test_a_layer_may_refuse_other_batches(passes: str, tmp_path: Path) -> None:
    argument = passes[7:-3]
    refuses = f"{passes}        if len({argument}) > 3: raise ValueError('three at most')\n"
    findings = check_class(scale(tmp_path, (passes, refuses)), "Scale").findings
    assert [finding.verdict for finding in findings] == ["right", "right"]
    assert findings[0].note == "cost not measured: ValueError: three at most"


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("backward", 'return dout * self.params["w"]', 'return dout * self.params["w"], 1'),
        ("backward", 'return dout * self.params["w"]', 'return {"dx": dout * self.params["w"]}'),
        ("backward", 'return dout * self.params["w"]', "return [[1, 2], [3]]"),
        ("forward", 'return x * self.params["w"]', "return x > 0"),
    ],
)
def test_what_is_no_array_of_numbers_is_told(name: str, old: str, new: str, tmp_path: Path) -> None:
    finding = wrong_in(scale(tmp_path, (old, new)), "Scale")
    assert (finding.verdict, finding.cause) == ("wrong", "wrong shape")
    assert f"{name} returns " in finding.explanation


def test_a_loss_can_have_an_example(tmp_path: Path) -> None:
    file = tmp_path / "loss.py"
    file.write_text(
        "import numpy as np\n"
        "class Squares:\n"
        "    example = (2.0,), (5, 3), np.arange(15.0).reshape(5, 3)\n"
        "    def __init__(self, power): self.power = power\n"
        "    def forward(self, x, y): return np.sum((x - y) ** self.power) / len(x)\n"
        "    def backward(self, x, y): return self.power * (x - y)\n"
    )
    finding = wrong_in(file, "Squares")
    assert (finding.id, finding.cause) == ("module/Squares.dx", "missing 1/B")


@pytest.mark.parametrize(
    ("old", "new", "finding", "verdict", "cause"),
    [
        ("(dout * self.x).sum(0)", "3 * (dout * self.x).sum(0)", ".grads['w']", "wrong", "missing 1/B"),
        (
            'dout * self.params["w"]',
            'self.params["w"] + 0 * dout',
            ".dx",
            "wrong",
            "upstream gradient ignored",
        ),
        (
            "self.x = x",
            "self.x = x.copy(); x[...] = 0; x = self.x",
            ".input changed in place",
            "wrong",
            "input changed in place",
        ),
        ("= (dout", '= self.grads.get("w", 0) + (dout', ".grads['w']", "wrong", "state leaks between calls"),
        (
            "(dout * self.x).sum(0)",
            "sum(d * x for d, x in zip(dout, self.x))",
            ".cost",
            "wrong",
            "loop over samples",
        ),
        (
            'x * self.params["w"]',
            'x * self.params["w"] * np.random.rand()',
            ".nondeterminism",
            "wrong",
            "nondeterminism",
        ),
        ("        self.x = x\n", "        raise NotImplementedError\n", "", "not implemented", ""),
        ("def backward", "def backwards", "", "not implemented", ""),
        ("(dout * self.x)", "(dout * self.y)", "", "crashed", ""),
        ("import numpy as np", "import numpy as np, 7", "", "crashed", ""),
    ],
)
def test_mistakes_are_told_apart(
    old: str, new: str, finding: str, verdict: str, cause: str, tmp_path: Path
) -> None:
    (tmp_path / "scale.py").write_text(SCALE.replace(old, new))
    found = wrong_in(tmp_path / "scale.py", "Scale")
    assert (found.id, found.verdict, found.cause) == (f"module/Scale{finding}", verdict, cause), found


@pytest.mark.parametrize(
    ("name", "old", "new", "cause", "shape"),
    [
        ("LinearModule", "dout.sum(axis=0)", "dout.mean(axis=0)", "extra 1/B", [2, 1]),
        ("SoftMaxModule", "", "", "softmax's outer product missing", [1, 2]),
    ],
)
def test_the_smallest_layer_that_shows_a_mistake_is_found(
    name: str, old: str, new: str, cause: str, shape: list[int], tmp_path: Path
) -> None:
    file = tmp_path / "my modules.py"
    text = sources("dicts")["modules.py"]
    if old:
        assert text.count(old) == 1
        text = text.replace(old, new)
    else:
        text += (
            "\n\nclass SoftMaxModule(SoftMaxModule):\n    def forward(self, x):\n"
            "        self.p = super().forward(x)\n        return self.p\n"
            "    def backward(self, dout):\n        return dout * self.p * (1 - self.p)\n"
        )
    file.write_text(text)
    finding = wrong_in(file, name)
    assert finding.cause == cause
    assert finding.evidence is not None
    assert finding.evidence.shapes == {"x": shape}
    assert finding.rerun == f"backproof check module '{file}:{name}' --seed 0"


def test_what_cannot_be_checked_says_so_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "scale.py"
    file.write_text(
        SCALE.replace("    example = ((4, 2.0), (3, 4))\n", "").replace(
            "size, start", "size, start, more, still"
        )
    )
    for name, message in (
        (
            "Scale",
            r"missing 4 required.*; give the class or its file an example: .*example = \(4, 3\), \(5, 4\)",
        ),
        ("Shift", "scale.py has no class Shift; it has Scale"),
    ):
        with pytest.raises(ConfigError, match=message) as caught:
            check_class(file, name)
        assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="not a Python file"):
        check_class(tmp_path / "other.py", "Scale")


def test_pytorch_is_not_what_it_is_for(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text("import torch\nclass Function(torch.autograd.Function): pass\n")
    with pytest.raises(ConfigError, match=r"Function is a PyTorch class: .* torch.autograd.gradcheck"):
        check_class(file, "Function")


def scale(tmp_path: Path, *changes: tuple[str, str], more: str = "") -> Path:
    """Write the layer Scale with some changes in it."""
    text = SCALE + more
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "scale.py"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    "held",
    [
        "{0: start * np.ones(size)}",
        "{'it\\'s \"w\"': start * np.ones(size)}",
        "{'w': [start * np.ones(size)]}",
        "{'w': np.ones(size, int)}",
        "{'w': np.array([None])}",
        "np",
    ],
)
def test_parameters_that_cannot_be_read_are_never_passed_over(held: str, tmp_path: Path) -> None:
    file = scale(
        tmp_path,
        ('{"w": np.full(size, start)}', held),
        ('x * self.params["w"]', "x * start"),
        ('self.grads["w"] =', "self.grads[0] = 77 *"),
        ('dout * self.params["w"]', "dout * start"),
        ("        self.params", "        global start; start = 2.0\n        self.params"),
        ("size, start)", "size, _)"),
    )
    with pytest.raises(ConfigError, match=r"^params.* cannot be read: .*check_layer takes others") as caught:
        check_class(file, "Scale")
    assert "\n" not in str(caught.value)


def test_gradients_that_cannot_be_read_are_never_passed_over(tmp_path: Path) -> None:
    file = scale(
        tmp_path, ('self.grads["w"] = (dout', "self.grads = {0: 77 * (dout"), (".sum(0)", ".sum(0)}")
    )
    with pytest.raises(ConfigError, match=r"grads cannot be read"):
        check_class(file, "Scale")
    file = scale(
        tmp_path,
        ("        self.grads = {}\n", ""),
        ("        self.grads[", "        self.kept = {}; self.kept["),
        more="\n    @property\n    def grads(self):\n        return self.kept.w\n",
    )
    finding = wrong_in(file, "Scale")
    assert (finding.verdict, "'dict' object has no attribute" in finding.explanation) == ("crashed", True)


def test_gradients_can_be_attributes_of_their_own(tmp_path: Path) -> None:
    own = [('self.params = {"w": np.full(size, start)}', "self.w = np.full(size, start)"),
           ('self.params["w"]', "self.w"), ('self.grads["w"]', "self.dw")]  # fmt: skip
    wrong = ("self.dw = (dout", "self.dw = 77 * (dout")
    (dx, _) = check_class(scale(tmp_path, *own, wrong), "Scale").findings
    assert dx.note == "only dx was checked, as Scale has no params"
    named = ("    example", '    gradients = {"w": "dw"}\n    example')
    report = check_class(scale(tmp_path, *own, named), "Scale")
    assert [finding.id for finding in report.findings] == [
        "module/Scale.dx",
        "module/Scale.dw",
        "module/Scale.cost",
    ]
    assert report.ok
    assert not any(finding.note for finding in report.findings)
    finding = wrong_in(scale(tmp_path, *own, named, wrong), "Scale")
    assert (finding.id, finding.cause) == ("module/Scale.dw", "wrong gradient")
    for name, message in (("v", "gradients names v, which scale.Scale has not"), ("forward", "cannot name")):
        with pytest.raises(ConfigError, match=message):
            check_class(scale(tmp_path, *own, (named[0], named[1].replace('"w"', f'"{name}"'))), "Scale")


@pytest.mark.parametrize(
    ("example", "message"),
    [
        ("(4, 2.0), np.ones((3, 4), int)", r"x has dtype int64: .*x.astype\(float\)"),
        ("(4, 2.0), ()", r"shape \(\) is not that of a batch"),
        ("(4, 2.0), np.array(1.0)", r"shape \(\) is not that of a batch"),
        ("(4, 2.0), (0, 4)", r"shape \(0, 4\) is not that of a batch of 1"),
        ("(4, 2.0), (10**6, 10**6)", r"1 to 100,000 numbers"),
        ("(4, 2.0), (3, 4), (2, 10**9)", r"1 to 100,000 numbers"),
        ("(4, 2.0), (-3, -4)", "cannot be used"),
        ("(10**5 + 1, 2.0), (1, 1)", "Scale has 100,001 parameters, too many"),
        ("(4, 2.0), np.ones((3, 4), complex)", "x has dtype complex128"),
        ("(4, 2.0), 'ab'", "cannot be used"),
    ],
)
def test_an_example_of_no_use_says_so_in_one_line(example: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        check_class(scale(tmp_path, ("((4, 2.0), (3, 4))", example)), "Scale")
    assert "\n" not in str(caught.value)


def test_a_check_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backproof.checker.runner_wrappers._SECONDS_A_QUESTION", 0.0)
    finding = wrong_in(scale(tmp_path), "Scale")
    assert (finding.verdict, "s of a processor" in finding.explanation) == ("too slow", True)


def test_targets_of_any_dtype_may_be_written_to(tmp_path: Path) -> None:
    file = tmp_path / "loss.py"
    file.write_text(
        "import numpy as np\n"
        "class Chosen:\n"
        "    example = (), np.ones((3, 4)), np.ones((3, 4), bool)\n"
        "    def forward(self, x, chosen): chosen ^= True; return np.sum(x * x * ~chosen)\n"
        "    def backward(self, x, chosen): return 2 * x * chosen\n"
    )
    assert check_class(file, "Chosen").ok


def test_parameters_may_belong_to_the_class(tmp_path: Path) -> None:
    assert check_class(
        scale(
            tmp_path,
            ('        self.params = {"w": np.full(size, start)}', "        pass"),
            ("    example", '    params = {"w": np.ones(4)}\n    example'),
        ),
        "Scale",
    ).ok


def test_a_pass_that_renames_its_parameters_is_told(tmp_path: Path) -> None:
    renames = "dx = dout * self.params['w']; self.params = {'v': dx[0]}; return dx"
    file = scale(tmp_path, ('return dout * self.params["w"]', renames))
    assert "state leaks between calls" in [finding.cause for finding in check_class(file, "Scale").findings]


def test_views_of_a_parameter_are_followed(tmp_path: Path) -> None:
    view = [("np.full(size, start)}", "np.full(size, start)}\n        self.v = self.params['w'][:]"),
            ('x * self.params["w"]', "x * self.v")]  # fmt: skip
    assert check_class(scale(tmp_path, *view), "Scale").ok
    finding = wrong_in(scale(tmp_path, *view, ("(dout * self.x)", "-(dout * self.x)")), "Scale")
    assert (finding.id, finding.cause) == ("module/Scale.grads['w']", "opposite sign")


def test_a_random_generator_is_found_wherever_it_is(tmp_path: Path) -> None:
    file = tmp_path / "dropout.py"
    for kept in (
        "self.parts = {'a': [np.random.default_rng(0)]}",
        "self.parts = {'a': [np.random.RandomState(0)]}",
    ):
        file.write_text(
            DROPOUT.replace("self.rng = np.random.default_rng(0)", kept).replace(
                "self.rng.random(x.shape)", "self.parts['a'][0].uniform(size=x.shape)"
            )
        )
        assert check_class(file, "Dropout").ok
    text = DROPOUT.replace("self.rng = np.random.default_rng(0)", "self.text = 'Generator('; self.calls = 0")
    file.write_text(text.replace("self.rng.random(x.shape) < 0.5", "1.0 + self.calls; self.calls += 1"))
    assert wrong_in(file, "Dropout").cause == "state leaks between calls"


def test_neighbours_that_cannot_be_read_do_no_harm(tmp_path: Path) -> None:
    file = scale(tmp_path)
    (tmp_path / "round.py").symlink_to("round.py")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "gone.py").symlink_to("nothing.py")
    assert check_class(file, "Scale").ok


def test_too_many_neighbours_are_told_by_the_users_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = scale(tmp_path)
    (tmp_path / "neighbour.py").touch()
    monkeypatch.setattr("backproof.checker.submission_folder.MAX_FILES", 2)
    with pytest.raises(FolderError, match=f"^{tmp_path} holds more than"):
        check_class(file, "Scale")


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = scale(tmp_path)
    copy, denied = shutil.copy, tmp_path / "neighbour.py"
    denied.touch()

    def copied(source: Path, target: Path) -> None:
        if source == denied:
            raise PermissionError(EACCES, "Permission denied", str(source))
        copy(source, target)

    monkeypatch.setattr(shutil, "copy", copied)  # a file's own mode does not keep root from reading it
    assert check_class(file, "Scale").ok
    denied = file
    with pytest.raises(FolderError, match=f"^cannot read {file}: Permission denied"):
        check_class(file, "Scale")
