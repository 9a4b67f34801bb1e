"""Check one value at several sizes; where it is wrong, name the mistake and show the smallest case."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np

from backproof.checker import causes
from backproof.checker.calls import Failure, Runner, SubmissionError
from backproof.checker.check_report import Evidence
from backproof.checker.comparison import Comparison, error_against
from backproof.checker.diagnosis import Mistake
from backproof.checker.outcome import RIGHT, Outcome, OutcomeError, failure_outcome, wrong_value

CaseSizes = Mapping[str, int]
_REPEATED = 1e-6


@dataclass(frozen=True)
class Trial:
    """A value of the submission for one random input, beside the exact one."""

    comparison: Comparison
    explain: Callable[[], Mistake]
    """Return the mistake where it is wrong."""


TrialFunction = Callable[[Runner, np.random.Generator, CaseSizes], Trial]


@dataclass(frozen=True)
class CheckAtSizes:
    """A check that compares a value at several sizes."""

    value: str
    """Label of the value: linear.dW."""
    run_trial: TrialFunction
    sizes: Sequence[CaseSizes]
    smaller: Sequence[CaseSizes]
    """From the smallest on, for the counterexample."""
    square: CaseSizes | None = None
    """Where a product that is the wrong way round does not crash."""

    def __call__(self, runner: Runner, rng: np.random.Generator) -> Outcome:
        """Run the check."""
        for sizes in self.sizes:
            before = deepcopy(rng)
            try:
                trial = self.run_trial(runner, rng, sizes)
            except SubmissionError as error:
                return self._crashed(runner, rng, sizes, error.failure)
            if not trial.comparison.right:
                if self._changes(runner, before, sizes, trial.comparison):
                    mistake = Mistake(causes.NONDETERMINISM, "changes from call to call")
                else:
                    mistake = trial.explain()
                return wrong_value(mistake, self._smallest(runner, rng, trial.comparison))
        return RIGHT

    def _changes(self, runner: Runner, rng: np.random.Generator, sizes: CaseSizes, first: Comparison) -> bool:
        """Tell whether the same numbers give something else on another layer."""
        try:
            again = self.run_trial(runner, rng, sizes).comparison.got
        except SubmissionError:
            return False
        truth = np.asarray(first.got, np.float64)
        return bool(np.isfinite(truth).all()) and error_against(again, truth) > _REPEATED

    def _smallest(self, runner: Runner, rng: np.random.Generator, first: Comparison) -> Comparison:
        for sizes in self.smaller:
            try:
                comparison = self.run_trial(runner, rng, sizes).comparison
            except (SubmissionError, OutcomeError):
                continue
            if comparison.symptom == first.symptom:
                return comparison
        return first

    def _crashed(
        self, runner: Runner, rng: np.random.Generator, sizes: CaseSizes, failure: Failure
    ) -> Outcome:
        """Report a crash, unless it comes from shapes alone: then what is wrong shows on a square."""
        if self.square and failure.kind == "crashed":
            try:
                trial = self.run_trial(runner, rng, self.square)
            except SubmissionError:
                pass
            else:
                if not trial.comparison.right:
                    outcome = wrong_value(trial.explain(), trial.comparison)
                    explanation = (
                        f"{outcome.explanation} Shapes that differ make it crash: {failure.message}."
                    )
                    return replace(outcome, explanation=explanation)
        outcome = failure_outcome(failure)
        at = ", ".join(f"{name}={size}" for name, size in sizes.items())
        explanation = f"{outcome.explanation}, at {at}"
        return replace(outcome, explanation=explanation, evidence=Evidence(parameter=self.value))


def first_wrong(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the first that is not right; none after it is asked for."""
    return next((outcome for outcome in outcomes if outcome.verdict != "right"), RIGHT)
