"""The PyTorch questions' checks: right code gets everything right, every mistake is caught by its name."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from backproof.checker.check import run_check
from backproof.checker.outcome import Check, Outcome
from backproof.checker.questions import CAUSES, CHECKS, torch_objects
from backproof.checker.questions.batchnorm import call_styles, formulas
from backproof.checker.questions.batchnorm import mistakes as norm_mistakes
from backproof.checker.questions.convnet import architectures
from backproof.checker.questions.convnet.mistakes import mistakes
from checker.catalogue import MISTAKES, STYLES, VARIANTS, Mistake, Variant, changed
from checker.inprocess import InProcess, in_process

TORCH = ("2", "3.1", "3.2b", "3.2c")
QUICK_CONVNETS = {
    "conv without padding",
    "conv5_b padded twice",
    "average pooling",
    "norm after ReLU",
    "256 channels in block 4",
    "no norm",
    "ten classes whatever is asked",
}
"""The others take many seconds, each: a test of the whole catalogue runs them."""


def checks_of(*questions: str) -> list[Check]:
    return [check for check in CHECKS if check.question in questions]


def wrong(checks: Sequence[Check], files: Mapping[str, str], seed: int = 0) -> dict[str, Outcome]:
    with in_process(files) as submission:
        outcomes = {check.id: run_check(check, submission, seed)[0] for check in checks}
    return {name: outcome for name, outcome in outcomes.items() if outcome.verdict != "right"}


@pytest.mark.slow
def test_our_own_files_are_right() -> None:
    submission = InProcess(Path(__file__).parents[2] / "assignment_1" / "code")
    for seed in range(4):
        for check in checks_of(*TORCH, *(["4"] if seed == 0 else [])):
            assert run_check(check, submission, seed)[0].verdict == "right", check.id
    submission.reset()


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_other_styles_are_right(style: str) -> None:
    files = changed(style, ())
    for seed in range(3):
        assert wrong(checks_of(*TORCH), files, seed) == {}
    training = [
        check for check in CHECKS if check.id in ("4/convnet.layers", "4/convnet.init", "4/convnet.training")
    ]
    assert wrong(training, files) == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    "variant",
    [variant for variant in VARIANTS if {*variant.checks} & {*TORCH}],
    ids=lambda variant: variant.name,
)
def test_variants_are_right(variant: Variant) -> None:
    assert wrong(checks_of(*TORCH), changed(variant.style, variant.changes)) == {}


@pytest.mark.parametrize(
    "mistake",
    [
        pytest.param(m, id=m.name, marks=[pytest.mark.slow] if m.name in QUICK_CONVNETS else [])
        for m in MISTAKES
        if m.finding.partition("/")[0] in TORCH or m.name in QUICK_CONVNETS
    ],
)
def test_every_mistake_is_caught(mistake: Mistake) -> None:
    left_out = ("4/convnet.evaluation", "4/convnet.gradients")  # the same search once more
    question = mistake.finding.partition("/")[0]
    checks = [check for check in checks_of(question) if check.id not in left_out]
    found = wrong(checks, changed(mistake.style, mistake.changes))
    assert found
    assert not mistake.cause or mistake.cause in {outcome.cause for outcome in found.values()}
    assert not mistake.verdict or mistake.verdict in {outcome.verdict for outcome in found.values()}
    for outcome in found.values():
        assert outcome.explanation
        assert outcome.hint
        if outcome.verdict == "wrong":
            assert outcome.cause in CAUSES
            assert outcome.evidence is not None
            assert outcome.evidence.expected is not None
            assert outcome.evidence.got is not None


def test_the_smallest_case_is_shown() -> None:
    text = BATCHNORM.replace("unbiased=False", "unbiased=True")
    shown = wrong(checks_of("3.1"), {"custom_batchnorm.py": text})["3.1/autograd.y"].evidence
    assert shown is not None
    assert shown.shapes["x"] == [2, 1]
    text = MLP.replace("ACTIVATION", "nn.functional.leaky_relu(norm(z))").replace("ENDING", "self.out(x)")
    found = wrong(checks_of("2"), {"mlp_pytorch.py": text})["2/mlp.two_hidden"].evidence
    assert found is not None
    assert found.shapes["x"] == [1, 2]


@pytest.mark.parametrize(
    ("said", "value", "cause"),
    [
        ("in percent", "100 * (p.argmax(1) == t.argmax(1)).float().mean()", "wrong forward value"),
        ("along the batch", "(p.argmax(0) == t.argmax(0)).float().mean()", "wrong forward value"),
        ("not divided", "(p.argmax(1) == t.argmax(1)).sum()", "wrong forward value"),
        ("has shape", "p.argmax(1) == t.argmax(1)", "wrong shape"),
    ],
)
def test_accuracy(said: str, value: str, cause: str) -> None:
    check = [check for check in CHECKS if check.id == "2/accuracy"]
    script = "def accuracy(p, t): return "
    right = {"train_mlp_pytorch.py": script + "(p.argmax(1) == t.argmax(1)).mean()"}
    assert wrong(check, right) == {}  # for arrays alone
    outcome = wrong(check, {"train_mlp_pytorch.py": script + value})["2/accuracy"]
    assert said in outcome.explanation
    assert outcome.cause == cause


BATCHNORM = """
import torch
from torch import nn

class CustomBatchNormAutograd(nn.Module):
    def __init__(self, n_neurons, eps=1e-5):
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(n_neurons)), nn.Parameter(torch.zeros(n_neurons))
        self.eps = eps

    def forward(self, x):
        root = torch.sqrt(x.var(0, unbiased=False) + self.eps)
        return self.gamma * (x - x.mean(0)) / root + self.beta
"""
MLP = """
import torch
from torch import nn

class MLP(nn.Module):
    def __init__(self, n_inputs, n_hidden, n_classes, neg_slope):
        super().__init__()
        self.out = nn.Linear(n_hidden[-1] if n_hidden else n_inputs, n_classes)
        sizes = [n_inputs, *n_hidden]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.norms = nn.ModuleList(nn.BatchNorm1d(b) for b in n_hidden)
        self.slope = neg_slope

    def forward(self, x):
        for linear, norm in zip(self.hidden, self.norms):
            z = linear(x)
            x = ACTIVATION
        return ENDING
"""


TEMPLATE = MLP.replace("ENDING", "self.out(x)").replace(
    "ACTIVATION", "nn.functional.leaky_relu(norm(z), self.slope)"
)


def mlp_checks() -> list[Check]:
    return [check for check in checks_of("2") if check.id != "2/accuracy"]


def test_no_bias_before_batch_norm_and_lazy_layers_are_right() -> None:
    for old, new in (
        ("nn.Linear(a, b)", "nn.Linear(a, b, bias=False)"),
        ("nn.Linear(a, b)", "nn.LazyLinear(b)"),
    ):
        assert wrong(mlp_checks(), {"mlp_pytorch.py": TEMPLATE.replace(old, new)}) == {}


def test_gradients_are_not_judged_by_a_wrong_output() -> None:
    text = TEMPLATE.replace("self.slope)", "-self.slope)")
    gradients = wrong(mlp_checks(), {"mlp_pytorch.py": text})["2/mlp.gradients"]
    assert gradients.verdict == "not run"
    assert "n_hidden = [7]" in gradients.explanation


def test_a_function_may_ask_for_its_epsilon() -> None:
    files = changed("inplace", ())
    text = files["custom_batchnorm.py"]
    files["custom_batchnorm.py"] = text.replace("gamma, beta, eps=1e-5)", "gamma, beta, eps)")
    assert text != files["custom_batchnorm.py"]
    assert wrong(checks_of("3.2b"), files) == {}


def test_digits_lost_far_from_zero_are_noted() -> None:
    (check,) = (check for check in CHECKS if check.id == "3.1/autograd.y")
    text = BATCHNORM.replace("x.var(0, unbiased=False)", "(x**2).mean(0) - x.mean(0)**2")
    for files, noted in (({"custom_batchnorm.py": text}, True), ({"custom_batchnorm.py": BATCHNORM}, False)):
        with in_process(files) as submission:
            for seed in range(5):
                outcome = run_check(check, submission, seed)[0]
                assert outcome.verdict == "right"
                assert ("digits" in outcome.note) is noted


def test_a_module_without_an_argument_for_epsilon_keeps_to_its_batch() -> None:
    (check,) = (check for check in CHECKS if check.id == "3.1/autograd.statistics")
    text = BATCHNORM.replace(", eps=1e-5", "").replace("self.eps = eps", "self.eps = 1e-5")
    for seed in range(10):
        assert wrong([check], {"custom_batchnorm.py": text}, seed) == {}
    for wrong_alone in ("x.var(0)", "x.var(0, unbiased=False)"):
        kept = text.replace(
            "x.var(0, unbiased=False)", f"({wrong_alone} if self.training else torch.ones_like(x[0]))"
        )
        found = wrong([check], {"custom_batchnorm.py": kept})["3.1/autograd.statistics"].cause
        assert (found == "running statistics used") == (wrong_alone != "x.var(0)")


STATE = """
import torch
from torch import nn

def make():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    for layer in net:
        nn.init.ones_(layer.weight)
    net.again = net[1]
    return net
"""


def test_equal_layers_are_two_and_a_layer_of_two_names_is_one() -> None:
    with in_process({"mlp_pytorch.py": STATE}) as submission:
        torch_objects.make_object(submission, "net", "mlp_pytorch.make", ())
        assert [*torch_objects.get_state(submission, "net")] == ["0.weight", "0.bias", "1.weight", "1.bias"]


@pytest.mark.slow
def test_lazy_convolutions_are_right() -> None:
    files = changed("lists", ())
    text = files["convnet_pytorch.py"]
    text = text.replace("nn.Conv2d(channels, entry, 3, padding=1)", "nn.LazyConv2d(entry, 3, padding=1)")
    files["convnet_pytorch.py"] = text.replace("nn.Linear(512, n_classes)", "nn.LazyLinear(n_classes)")
    checks = [
        check for check in checks_of("4") if check.id not in ("4/convnet.training", "4/convnet.evaluation")
    ]
    assert wrong(checks, files) == {}


@pytest.mark.parametrize("ending", ["self.out(x)", "self.out(x).softmax(1)", "self.out(x).log_softmax(1)"])
@pytest.mark.parametrize("activation", ["leaky_relu(norm(z), self.slope)", "leaky_relu(z, self.slope)"])
def test_what_the_assignment_leaves_open_for_the_mlp(ending: str, activation: str) -> None:
    text = MLP.replace("ACTIVATION", f"nn.functional.{activation}").replace("ENDING", ending)
    if "norm(" not in activation:
        text = text.replace("nn.ModuleList(nn.BatchNorm1d(b) for b in n_hidden)", "n_hidden")
    assert wrong(mlp_checks(), {"mlp_pytorch.py": text}) == {}


def test_the_slope_on_the_wrong_side() -> None:
    text = MLP.replace("nn.ModuleList(nn.BatchNorm1d(b) for b in n_hidden)", "n_hidden")
    text = text.replace("ACTIVATION", "torch.where(z > 0, self.slope * z, z)").replace(
        "ENDING", "self.out(x)"
    )
    found = wrong(mlp_checks(), {"mlp_pytorch.py": text})
    assert found.pop("2/mlp.gradients").verdict == "not run"
    assert {outcome.cause for outcome in found.values()} == {"slope applied on the wrong side"}
    assert "2/mlp.no_hidden" not in found


@pytest.mark.parametrize(
    ("recognised", "right"),
    [
        (norm_mistakes.forward_mistakes, lambda bn: bn.y()),
        (norm_mistakes.dx_mistakes, lambda bn: bn.gradients().dx),
        (norm_mistakes.dgamma_mistakes, lambda bn: bn.gradients().dgamma),
        (norm_mistakes.dbeta_mistakes, lambda bn: bn.gradients().dbeta),
    ],
)
def test_no_mistake_is_right(recognised: Callable[..., object], right: Callable[..., np.ndarray]) -> None:
    bn = call_styles.draw(np.random.default_rng(3), (9, 5), call_styles.LARGE_EPS)
    for mistake, value in recognised(bn):
        assert np.abs(value - right(bn)).max() > 1e-2, mistake


def test_batch_norms_gradients_are_derivatives() -> None:
    bn = call_styles.draw(np.random.default_rng(4), (4, 2), call_styles.LARGE_EPS)
    for options in ({}, {"ddof": 1}, {"outside": True}):
        found = np.zeros_like(bn.x)
        for index in np.ndindex(*bn.x.shape):
            sides = []
            for h in (1e-6, -1e-6):
                x = bn.x.copy()
                x[index] += h
                sides.append(
                    (formulas.BatchNormCase(x, bn.gamma, bn.beta, bn.eps, bn.dy).y(**options) * bn.dy).sum()
                )
            found[index] = (sides[0] - sides[1]) / 2e-6
        np.testing.assert_allclose(bn.gradients(**options).dx, found, atol=1e-7)


def test_architectures() -> None:
    assert architectures.size_after(architectures.table_1(), 32) == 1
    assert len({architecture for _, architecture in mistakes()} | {architectures.table_1()}) == 1 + sum(
        1 for _ in mistakes()
    )
    assert {mistake.cause.name for mistake, _ in mistakes()} <= set(CAUSES)
