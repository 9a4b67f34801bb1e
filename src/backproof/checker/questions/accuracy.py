"""The accuracy that a training script prints, of questions 1.2 and 2."""

from functools import partial

import numpy as np

from backproof.arrays import Array
from backproof.checker import causes
from backproof.checker.calls import Answer, Call, Runner, Tensor, need_scalar
from backproof.checker.comparison import Comparison
from backproof.checker.diagnosis import Known, Mistake, diagnose
from backproof.checker.questions.check_at_sizes import CaseSizes, CheckAtSizes, Trial

_SIZES = tuple({"B": b, "C": c} for b, c in ((23, 4), (1, 3), (12, 5), (40, 10)))
_SMALLER = tuple({"B": b, "C": c} for b, c in ((1, 2), (2, 2), (2, 3), (3, 3)))


def accuracy(script: str, *, tensors: bool = False) -> CheckAtSizes:
    """Return the check of a script's accuracy: the share of samples whose largest score is the target's."""
    return CheckAtSizes("accuracy", partial(_accuracy, script, tensors), _SIZES, _SMALLER, {"B": 4, "C": 4})


def _accuracy(
    script: str, tensors: bool, runner: Runner, rng: np.random.Generator, sizes: CaseSizes
) -> Trial:
    batch, classes = sizes["B"], sizes["C"]
    scores = rng.normal(size=(batch, classes)).astype(np.float32)
    scores[0, 0] = 9.0  # right along either axis: an accuracy of 0 would not tell mistakes apart
    guess = scores.argmax(axis=1)
    labels = (guess + rng.integers(0, 2, size=batch)) % classes
    labels[0] = 0
    targets = np.eye(classes, dtype=np.float32)[labels]
    got = need_scalar(_call(runner, f"{script}.accuracy", (scores, targets), tensors=tensors))
    right = np.asarray(float(np.mean(guess == labels)))
    comparison = Comparison(
        "the returned accuracy", got, right, {"predictions": scores, "targets": targets}, 1e-5
    )
    return Trial(comparison, lambda: diagnose(comparison, _known(right, scores, targets)))


def _call(runner: Runner, target: str, arrays: tuple[Array, ...], *, tensors: bool) -> Answer:
    """Call accuracy with arrays; with tensors first, where it may need them."""
    if tensors:
        answer = runner.run([Call("accuracy", target, tuple(map(Tensor, arrays)))])[0]
        if answer.failure is None or answer.failure.kind != "crashed":
            return answer
    return runner.run([Call("accuracy", target, arrays)])[0]


def _known(right: Array, scores: Array, targets: Array) -> Known:
    mistake = partial(
        Mistake, causes.WRONG_FORWARD_VALUE, hint="Work out the accuracy of three samples by hand."
    )
    batch, classes = scores.shape
    along = np.asarray(np.mean(scores.argmax(0) == targets.argmax(0)))
    entries = np.asarray(np.mean(np.eye(classes)[scores.argmax(1)] == targets))
    yield mistake("counts right answers, and is not divided by the batch size"), right * batch
    yield mistake("is divided by the number of classes, not of samples"), right * batch / classes
    yield mistake("is divided by samples and classes"), right / classes
    yield mistake("is given in percent, not as a fraction"), right * 100
    yield mistake("is the share of wrong answers"), 1 - right
    yield mistake("compares along the batch, not along the classes"), along
    yield mistake("compares each entry of the labels"), entries
