"""Question 1.2: correct code of any style is right, and every mistake is found and called by its name."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from backproof.checker.calls import Answer, Call, Failure, Request, Runner
from backproof.checker.check import check_folder, make_finding, run_check, run_checks, select
from backproof.checker.comparison import Comparison
from backproof.checker.diagnosis import diagnose
from backproof.checker.outcome import RIGHT, Check, Outcome, failure_outcome
from backproof.checker.questions import CAUSES, CHECKS, QUESTIONS, share_points
from backproof.checker.questions.numpy_mlp.layer_mistakes import linear_db_mistakes
from backproof.checker.questions.numpy_mlp.question import NUMPY_MLP
from backproof.errors import ConfigError
from checker.catalogue import MISTAKES, VARIANTS, Mistake, Variant, changed, write
from checker.inprocess import in_process

SEEDS = 20
NEEDS_SANDBOX = {"an endless loop", "the interpreter is killed", "exit in forward"}
FOUND = [mistake for mistake in MISTAKES if mistake.finding == "1.2/" and mistake.name not in NEEDS_SANDBOX]

MODULES = """
import numpy as np

class Module:
    def __call__(self, *inputs):
        return self.forward(*inputs)

class LinearModule(Module):
    def __init__(self, in_features, out_features):
        self.params = {"weight": 1e-4 * np.random.standard_normal((out_features, in_features)),
                       "bias": np.zeros((1, out_features))}
        self.grads = {k: np.zeros_like(v) for k, v in self.params.items()}
        self.saved = None
        self.buffer = None
    def forward(self, x):
        self.saved = x
        self.buffer = np.dot(x, self.params["weight"].T) + self.params["bias"]
        return self.buffer
    def backward(self, dout):
        x, self.saved = self.saved, None
        self.grads["weight"] = np.tensordot(dout, x, axes=(0, 0))
        self.grads["bias"] = np.sum(dout, axis=0, keepdims=True)
        return dout.dot(self.params["weight"])

class LeakyReLUModule(Module):
    def __init__(self, neg_slope):
        self.slope = neg_slope
    def forward(self, x):
        self.mask = (x > 0) * 1 + (x <= 0) * self.slope
        return x * self.mask
    def backward(self, dout):
        return np.multiply(dout, self.mask)

class SoftMaxModule(Module):
    def forward(self, x):
        z = x - np.max(x, 1).reshape(-1, 1)
        self.p = np.exp(z - np.log(np.exp(z).sum(1))[:, np.newaxis])
        return self.p
    def backward(self, dout):
        p = self.p
        jacobian = p[:, :, None] * np.eye(p.shape[1])[None] - p[:, :, None] @ p[:, None, :]
        return np.einsum("bi,bij->bj", dout, jacobian)

class CrossEntropyModule(Module):
    def forward(self, x, y):
        return -np.log(x[np.arange(len(x)), np.argmax(y, 1)] + 1e-7).mean()
    def backward(self, x, y):
        return -np.divide(y, x + 1e-7) / y.shape[0]
"""
MLP = """
from collections import OrderedDict
from modules import *

class Chain:
    def __init__(self, **parts):
        self.parts = OrderedDict(parts)

class MLP(object):
    def __init__(self, n_inputs, n_hidden, n_classes, neg_slope):
        self.out = LinearModule(n_hidden[-1] if len(n_hidden) else n_inputs, n_classes)
        self.soft = SoftMaxModule()
        sizes = [n_inputs, *n_hidden]
        self.hidden = Chain(**{
            f"layer {i}": (LinearModule(a, b), LeakyReLUModule(neg_slope))
            for i, (a, b) in enumerate(zip(sizes, sizes[1:]))
        })
    def forward(self, x):
        x = x.reshape(x.shape[0], -1)
        for linear, act in self.hidden.parts.values():
            x = act(linear(x))
        return self.soft(self.out(x))
    def backward(self, dout):
        dout = self.out.backward(self.soft.backward(dout))
        for linear, act in reversed(self.hidden.parts.values()):
            dout = linear.backward(act.backward(dout))
"""
TRAIN = """
import numpy as np
def accuracy(predictions, targets):
    return np.mean(predictions.argmax(1) == targets.argmax(1))
"""
TUPLES = {"modules.py": MODULES, "mlp_numpy.py": MLP, "train_mlp_numpy.py": TRAIN}
AXIS, SIDE, LOOP = "bias summed over the wrong axis", "slope applied on the wrong side", "loop over samples"
DB, DW = "np.sum(dout, axis=0, keepdims=True)", "np.tensordot(dout, x, axes=(0, 0))"
MASK, DRELU = "(x > 0) * 1 + (x <= 0) * self.slope", "np.multiply(dout, self.mask)"
SHIFT = "z = x - np.max(x, 1).reshape(-1, 1)"
CHANGES = (
    (
        DB,
        "np.full((1, dout.shape[1]), dout[-1])",
        AXIS,
    ),
    (DB, "dout[:8].sum(axis=0, keepdims=True)", "wrong gradient"),
    (DB, "np.sum(dout, axis=0)[:, None]", "wrong shape"),
    (DB, "0 * self.params['bias']", "wrong gradient"),
    (DW, "np.tensordot(x, dout, axes=(0, 0))", "weight transposed"),
    (DW, "self.grads['weight'] + dout.T @ x", "state leaks between calls"),
    ('dout.dot(self.params["weight"])', 'dout.dot(self.params["weight"]) / len(dout)', "wrong gradient"),
    ('dout.dot(self.params["weight"])', 'dout.dot(self.params["weight"].T)', "weight transposed"),
    (
        MASK,
        "(x > 0) * self.slope + (x <= 0) * 1",
        SIDE,
    ),
    (MASK, "(x > 0) * 1", SIDE),
    (DRELU, "np.multiply(dout, self.mask ** 2)", SIDE),
    (
        DRELU,
        "np.multiply(dout, dout, out=dout) * self.mask",
        "input changed in place",
    ),
    (DRELU, "self.mask", "upstream gradient ignored"),
    (SHIFT, "z = x", "unstable exponent"),
    (SHIFT, "z = x - np.max(x)", "unstable exponent"),
    (" - p[:, :, None] @ p[:, None, :]", "", "softmax's outer product missing"),
    ('"bi,bij->bj", dout, jacobian', '"bij->bj", jacobian', "upstream gradient ignored"),
    ("np.divide(y, x + 1e-7) / y.shape[0]", "np.divide(y, x + 1e-7)", "missing 1/B"),
    (" + 1e-7).mean()", ").sum()", "missing 1/B"),
    ("return -np.log(x[", "x[x < 1e-10] = 1e-10; return -np.log(x[", "input changed in place"),
    (SHIFT, "x.clip(-500, 500, out=x); z = x - np.max(x, 1).reshape(-1, 1)", "input changed in place"),
    ("self.p = np.exp", "self.p = np.random.uniform(0.9, 1.1) * np.exp", "nondeterminism"),
    ("return np.einsum", "return np.float32(1) * np.einsum", ""),
    ('np.einsum("bi,bij->bj", dout, jacobian)', "np.matmul(dout[:, None], jacobian)[:, 0]", ""),
    ("jacobian)\n", "jacobian).astype(np.float32)\n", "dtype promoted"),
    (
        'np.einsum("bi,bij->bj", dout, jacobian)',
        "np.stack([d @ j for d, j in zip(dout, jacobian)])",
        LOOP,
    ),
    (
        'np.dot(x, self.params["weight"].T)',
        'np.stack([x @ w for w in self.params["weight"]], 1)',
        LOOP,
    ),
    (DRELU, "np.vectorize(lambda d, m: d * m)(dout, self.mask)", LOOP),
    (
        "self.p = np.exp(z - np.log(np.exp(z).sum(1))[:, np.newaxis])",
        "self.p = np.apply_along_axis(lambda r: np.exp(r) / np.exp(r).sum(), 1, z)",
        LOOP,
    ),
)


def outcomes(
    files: Mapping[str, str], seed: int = 0, checks: Sequence[Check] = NUMPY_MLP
) -> dict[str, Outcome]:
    with in_process(files) as made:
        return {check.id: run_check(check, made, seed)[0] for check in checks}


def wrong_ones(found: Mapping[str, Outcome]) -> dict[str, Outcome]:
    return {name: outcome for name, outcome in found.items() if outcome.verdict != "right"}


def test_points_sum_up_exactly() -> None:
    assert sum(check.points for check in NUMPY_MLP) == QUESTIONS["1.2"].points
    for number, question in QUESTIONS.items():
        shares = [check.points for check in CHECKS if check.question == number]
        assert sum(shares) == question.points
        assert min(shares) > 0
    assert len({check.id for check in CHECKS}) == len(CHECKS)
    assert all(check.id.startswith(f"{check.question}/") for check in CHECKS)
    assert [check.points for check in share_points(NUMPY_MLP[:3], 1.0)] == [0.25, 0.25, 0.5]


@pytest.mark.slow
@pytest.mark.parametrize(
    "variant", [variant for variant in VARIANTS if not variant.changes], ids=lambda variant: variant.name
)
def test_every_style_is_right(variant: Variant) -> None:
    files = changed(variant.style, ())
    assert wrong_ones(outcomes(files)) == {}
    for seed in range(1, SEEDS):
        assert wrong_ones(outcomes(files, seed)) == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    "variant", [variant for variant in VARIANTS if variant.changes], ids=lambda v: v.name
)
def test_every_variant_is_right(variant: Variant) -> None:
    assert wrong_ones(outcomes(changed(variant.style, variant.changes))) == {}


@pytest.mark.slow
def test_rows_as_bias_forgotten_inputs_and_layers_in_tuples_are_right() -> None:
    assert wrong_ones(outcomes(TUPLES)) == {}
    for seed in range(1, SEEDS):
        assert wrong_ones(outcomes(TUPLES, seed)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", FOUND, ids=lambda mistake: mistake.name)
def test_every_mistake_of_the_catalogue_is_named(mistake: Mistake) -> None:
    found = wrong_ones(outcomes(changed(mistake.style, mistake.changes)))
    assert found
    assert not mistake.cause or mistake.cause in {outcome.cause for outcome in found.values()}
    assert not mistake.verdict or mistake.verdict in {outcome.verdict for outcome in found.values()}


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new", "cause"), CHANGES)
def test_mistakes_are_named(old: str, new: str, cause: str) -> None:
    assert MODULES.count(old) == 1
    found = wrong_ones(outcomes(TUPLES | {"modules.py": MODULES.replace(old, new)}))
    assert bool(found) == bool(cause)
    assert not cause or cause in {outcome.cause for outcome in found.values()}
    for outcome in found.values():
        assert outcome.cause in {"", *CAUSES}
        assert outcome.explanation
        assert outcome.hint


def test_the_smallest_case_is_shown_and_is_wrong_by_itself() -> None:
    old, new, _ = CHANGES[0]
    shown = outcomes(TUPLES | {"modules.py": MODULES.replace(old, new)})["1.2/linear.db"].evidence
    assert shown is not None
    assert shown.parameter == "grads['bias']"
    assert shown.shapes == {"x": [2, 1], "W": [1, 1], "b": [1], "dout": [2, 1]}
    dout = np.array(shown.inputs["dout"])
    assert shown.index == [0]
    assert shown.expected == pytest.approx(dout.sum())
    assert shown.got == pytest.approx(dout[-1, 0])


def test_what_is_missing_is_not_implemented_and_never_right() -> None:
    found = outcomes({"modules.py": "class LinearModule:\n    pass\n"})
    assert {outcome.verdict for outcome in found.values()} <= {"not implemented", "crashed", "not run"}
    found = outcomes(TUPLES | {"modules.py": MODULES.replace("class SoftMaxModule", "class Softmax")})
    assert found["1.2/softmax.p"].verdict == "not implemented"
    assert found["1.2/layers.state"].verdict == "not run"
    assert found["1.2/linear.dW"].verdict == "right"


def test_nothing_returned_is_not_implemented() -> None:
    found = outcomes(TUPLES | {"modules.py": MODULES.replace("return self.p\n", "pass\n")})["1.2/softmax.p"]
    assert found.verdict == "not implemented"
    assert "None" in found.explanation


def test_a_loop_over_samples_in_the_network_is_found() -> None:
    old, new = "self.soft(self.out(x))", "np.vstack([self.soft(self.out(r[None])) for r in x])"
    loop = MLP.replace(old, f"{new}, self.soft(self.out(x))").replace("return np", "_, p = np")
    loop = loop.replace("self.soft(self.out(x))\n", "self.soft(self.out(x))\n        return p\n")
    found = wrong_ones(outcomes(TUPLES | {"mlp_numpy.py": loop}))["1.2/layers.cost"]
    assert found.cause == LOOP
    assert found.explanation.startswith("MLP.forward")


def test_the_2018_edition_beside_a_current_activation() -> None:
    older = MODULES.replace("class LeakyReLUModule", "class ReLUModule").replace(
        "self, neg_slope", "self, neg_slope=0"
    )
    mlp = MLP.replace("n_classes, neg_slope)", "n_classes)").replace(
        "LeakyReLUModule(neg_slope)", "ReLUModule()"
    )
    assert wrong_ones(outcomes(TUPLES | {"modules.py": older, "mlp_numpy.py": mlp}, 0)) == {}


def test_a_mistake_that_gives_the_truth_on_a_special_shape_is_not_named() -> None:
    x, dout, weight = np.ones((1, 2)), np.array([[2.0, 3.0]]), np.ones((2, 2))
    inputs = {"x": x, "W": weight, "b": np.zeros(2), "dout": dout}

    def cause(got: np.ndarray) -> str:
        shown = Comparison("grads['bias']", got, dout[0], inputs)
        return diagnose(shown, linear_db_mistakes(inputs), is_gradient=True).cause.name

    assert cause(-dout[0]) == "opposite sign"
    assert cause(np.array([5.0])) == "bias summed over the wrong axis"


def test_float64_that_comes_out_of_float32_is_worth_a_note_and_no_points() -> None:
    outcome = outcomes(TUPLES)["1.2/layers.dtype"]
    assert outcome.verdict == "right"
    assert outcome.note.startswith("dtype promoted: float64 comes out where float32 goes in: ")
    assert "LeakyReLUModule: what forward returns" in outcome.note
    assert "CrossEntropyModule" not in outcome.note
    check = next(check for check in CHECKS if check.id == "1.2/layers.dtype")
    assert make_finding(check, outcome, 0.0, folder=Path(), seed=0).note == outcome.note
    kept = MODULES.replace(MASK, "np.where(x > 0, 1, self.slope).astype(x.dtype)")
    assert "LeakyReLU" not in outcomes(TUPLES | {"modules.py": kept})["1.2/layers.dtype"].note


def test_float32_that_comes_out_of_float64_is_wrong() -> None:
    short = MODULES.replace(DRELU, f"{DRELU}.astype(np.float32)")
    found = outcomes(TUPLES | {"modules.py": short})["1.2/layers.dtype"]
    assert (found.verdict, found.cause, found.note) == ("wrong", "dtype promoted", "")


def test_a_loop_is_said_with_what_it_costs() -> None:
    loop = MODULES.replace(DRELU, "np.stack([d * m for d, m in zip(dout, self.mask)])")
    found = outcomes(TUPLES | {"modules.py": loop})["1.2/layers.cost"]
    assert found.explanation.startswith("LeakyReLUModule.backward loops in Python: ")
    assert found.explanation.endswith(" µs.")
    assert found.evidence is not None
    assert found.evidence.shapes == {"few": [8, 5], "many": [136, 5]}


class Hanging:
    """A runner that computes for ten seconds each time, and nothing comes back."""

    def __init__(self) -> None:
        self.calls = 0

    def run(self, requests: Sequence[Request]) -> list[Answer]:
        self.calls += len(requests)
        slow = Failure("too slow", "no answer within 10 seconds")
        return [Answer(failure=slow, processor_seconds=10.0) for _ in requests]

    def reset(self) -> None:
        pass


def test_the_time_of_a_question_is_bounded() -> None:
    def ask_three_times(runner: Runner, _: np.random.Generator) -> Outcome:
        for _ in range(3):
            answer = runner.run([Call("y", "layer.forward")])[0]
        assert answer.failure is not None
        return failure_outcome(answer.failure)

    runner = Hanging()
    checks = [Check(f"{name}", 1, "", ask_three_times) for name in ("1/a", "1/b", "1/c", "1/d", "2/a")]
    found = list(run_checks(checks, runner, 0))
    verdicts = [outcome.verdict for _, outcome, _ in found]
    assert verdicts == ["too slow", "too slow", "not run", "not run", "too slow"]
    assert "used up the time of this question" in found[2][1].explanation
    assert runner.calls == 7


def test_a_failure_of_the_checker_itself_costs_one_check() -> None:
    def fail(_: Runner, __: np.random.Generator) -> Outcome:
        raise ZeroDivisionError("odd answer")

    def succeed(_: Runner, __: np.random.Generator) -> Outcome:
        return RIGHT

    checks = [Check("1/a", 1, "", fail), Check("1/b", 1, "", succeed)]
    (_, failed_one, _), (_, other, _) = run_checks(checks, Hanging(), 0)
    assert failed_one.verdict == "not run"
    assert "backproof itself failed on what came back: ZeroDivisionError('odd answer')" in (
        failed_one.explanation
    )
    assert other.verdict == "right"


def test_only_names_checks_and_questions() -> None:
    assert [check.id for check in select(CHECKS, ["1.2/softmax.dx"])] == ["1.2/softmax.dx"]
    assert len(select(CHECKS, ["1.2"])) == len(NUMPY_MLP)
    with pytest.raises(ConfigError, match=r"1\.9"):
        select(CHECKS, ["1.9"])


@pytest.mark.slow
def test_a_folder_in_the_sandbox(tmp_path: Path) -> None:
    old, new, cause = next(change for change in CHANGES if change[2] == "missing 1/B")
    folder = write(TUPLES | {"modules.py": MODULES.replace(old, new)}, tmp_path / "one's own")
    report = check_folder(folder, seed=3, only=["1.2"])
    bad = [finding for finding in report.findings if finding.verdict != "right"]
    assert [(finding.id, finding.cause) for finding in bad] == [("1.2/cross_entropy.dx", cause)]
    assert (
        bad[0].rerun == f"backproof check '{tmp_path}/one'\"'\"'s own' --only 1.2/cross_entropy.dx --seed 3"
    )
    assert sum(finding.points for finding in report.findings) == QUESTIONS["1.2"].points
    assert not report.ok
    assert {file.path for file in report.files} == set(TUPLES)
    again = check_folder(folder, seed=3, only=["1.2/cross_entropy.dx"]).findings
    assert again[0].evidence == bad[0].evidence


SUM = "np.log(np.exp(z).sum(1))"


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_small_constant_against_zero_passes_with_every_seed_and_a_large_one_with_none(seed: int) -> None:
    checks = select(
        CHECKS, ["1.2/softmax.p", "1.2/softmax.dx", "1.2/cross_entropy.L", "1.2/cross_entropy.dx"]
    )

    def wrong_with(in_sum: str, in_loss: str) -> list[str]:
        text = MODULES.replace("1e-7", in_loss).replace(SUM, f"np.log(np.exp(z).sum(1) + {in_sum})")
        return sorted(wrong_ones(outcomes(TUPLES | {"modules.py": text}, seed, checks)))

    assert wrong_with("1e-7", "1e-5") == wrong_with("1e-8", "1e-10") == []
    assert wrong_with("1e-3", "1e-4") == sorted(check.id for check in checks)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.saved = x\n", "self.saved = x = x.astype('f4')\n"),
        ("np.dot(x, self", "x.astype('f4') @ np.float32(self.params['weight']).T + 0 * np.dot(x, self"),
        (DW, "np.float64(dout.T.astype('f4') @ x.astype('f4'))"),
        ("p = self.p\n", "p = np.float64(np.float32(self.p))\n"),
        ("return -np.log(", "x = np.float32(x); return -np.log("),
    ],
)
def test_float32_on_the_way_is_told_from_a_small_constant(old: str, new: str) -> None:
    for seed in range(3):
        text = MODULES.replace(old, new)
        found = wrong_ones(outcomes(TUPLES | {"modules.py": text}, seed))
        assert {(name, outcome.cause) for name, outcome in found.items()} == {
            ("1.2/layers.dtype", "dtype promoted")
        }


ODD = (
    "np.zeros(())", "1j * np.ones((2, 2))", "np.ones((2, 2), bool)", "None", "np.zeros((0, 3))",
    "np.full((3, 4), np.nan)", "np.arange(4)", "'text'", "np.inf",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    "place",
    [
        "return self.buffer",
        'return dout.dot(self.params["weight"])',
        f'self.grads["weight"] = {DW}',
        f'self.grads["bias"] = {DB}',
        '"weight": 1e-4 * np.random.standard_normal((out_features, in_features))',
        '"bias": np.zeros((1, out_features))',
        f"return {DRELU}",
        "return x * self.mask",
        "return self.p",
        'return np.einsum("bi,bij->bj", dout, jacobian)',
        "return -np.divide(y, x + 1e-7) / y.shape[0]",
        "return -np.log(x[np.arange(len(x)), np.argmax(y, 1)] + 1e-7).mean()",
    ],
)
def test_whatever_is_answered_has_a_verdict(place: str, odd: str) -> None:
    assert MODULES.count(place) == 1
    start, mark = (
        ("return ", "return ") if place.startswith("return") else (f"{place.partition(': ')[0]}: ", ": ")
    )
    if " = " in place:
        start, mark = f"{place.partition(' = ')[0]} = ", " = "
    assert mark in start
    found = wrong_ones(outcomes(TUPLES | {"modules.py": MODULES.replace(place, start + odd)}))
    assert found
    for outcome in found.values():
        assert "backproof itself failed" not in outcome.explanation


def test_a_call_that_ends_the_counting_is_not_judged_right() -> None:
    text = MODULES.replace(DRELU, f"(__import__('sys').settrace(None), {DRELU})[1]")
    found = wrong_ones(outcomes(TUPLES | {"modules.py": text}))
    assert found["1.2/layers.cost"].verdict == "not run"
    assert "sys.settrace" in found["1.2/layers.cost"].explanation


def test_an_input_changed_in_place_is_said_though_a_single_sample_crashes() -> None:
    text = MODULES.replace(DRELU, "np.multiply(dout, self.mask, out=dout) / (len(dout) > 1 or None)")
    assert outcomes(TUPLES | {"modules.py": text})["1.2/layers.inputs"].cause == "input changed in place"


def test_an_mlp_whose_layers_are_hidden_is_not_run_rather_than_of_a_wrong_width() -> None:
    hidden = MLP.replace("self.parts = OrderedDict(parts)", "self.parts = lambda: parts")
    hidden = hidden.replace(".parts.values()", ".parts().values()").replace(
        "reversed(self.hidden.parts().values())", "reversed(list(self.hidden.parts().values()))"
    )
    hidden = hidden.replace("self.out = Lin", "out = Lin").replace(
        "self.soft = SoftMaxModule()", "self.soft = SoftMaxModule(); self.out = lambda: out"
    )
    hidden = hidden.replace("self.out(x)", "self.out()(x)").replace("self.out.back", "self.out().back")
    found = outcomes(TUPLES | {"mlp_numpy.py": hidden})["1.2/mlp.forward"]
    assert (found.verdict, found.cause) == ("not run", "")
    assert "no linear layer was found" in found.explanation


@pytest.mark.parametrize(
    ("file", "old", "new", "check", "cause", "said"),
    [
        (
            "modules.py",
            "np.exp(z).sum(1)",
            "np.exp(z).sum(1) / 3",
            "1.2/softmax.stable",
            "wrong forward value",
            "",
        ),
        ("modules.py", SHIFT, "z = x", "1.2/softmax.stable", "unstable exponent", "1000"),
        ("mlp_numpy.py", "(neg_slope)", "(0.02)", "1.2/mlp.forward", "wrong forward value", "slope"),
        (
            "train_mlp_numpy.py",
            ".argmax(1))",
            ".argmax(1)) // 1",
            "1.2/accuracy",
            "wrong forward value",
            "is zero",
        ),
    ],
)
def test_a_name_fits(file: str, old: str, new: str, check: str, cause: str, said: str) -> None:
    assert old in TUPLES[file]
    outcome = outcomes(TUPLES | {file: TUPLES[file].replace(old, new)})[check]
    assert outcome.cause == cause
    assert said in outcome.explanation
