"""Compare a batch norm's output and gradients with the formulas, at the sizes of question 3."""

from backproof.arrays import Array
from backproof.checker.comparison import Comparison
from backproof.checker.diagnosis import diagnose
from backproof.checker.questions.batchnorm import mistakes
from backproof.checker.questions.batchnorm.formulas import BatchNormCase
from backproof.checker.questions.check_at_sizes import CheckAtSizes, Trial, TrialFunction


def at_several_sizes(value: str, run_trial: TrialFunction) -> CheckAtSizes:
    """Return the check of one value at several sizes."""
    sizes, smaller = (
        [{"B": b, "C": c} for b, c in shapes]
        for shapes in (((9, 5), (4, 2), (3, 1)), ((2, 1), (3, 1), (2, 2), (3, 2)))
    )
    return CheckAtSizes(value, run_trial, sizes, smaller)


def output_trial(bn: BatchNormCase, got: Array, allowed: float) -> Trial:
    """Compare an output."""
    comparison = Comparison("the output y", got, bn.y(), bn.inputs, allowed)
    return Trial(comparison, lambda: diagnose(comparison, mistakes.forward_mistakes(bn)))


def gradient_trial(bn: BatchNormCase, gradients: dict[str, Array], allowed: float) -> Trial:
    """Compare gradients; the one that has the largest error is returned."""
    compared = {}
    for name, got in gradients.items():
        right: Array = getattr(bn.gradients(), f"d{name}")
        fitting = got.reshape(right.shape) if got.size == right.size else got
        compared[name] = Comparison(f"gradient of {name}", fitting, right, bn.inputs, allowed)
    name = max(compared, key=lambda key: compared[key].error)
    worst = compared[name]
    known = mistakes.GRADIENT_MISTAKES[name]
    return Trial(worst, lambda: diagnose(worst, known(bn), is_gradient=True))
