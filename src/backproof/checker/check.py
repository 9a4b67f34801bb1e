"""Run the checks on a folder, and put their outcomes into a report."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from shlex import quote
from time import perf_counter

from backproof.checker.calls import Runner, SubmissionError
from backproof.checker.check_report import CheckReport, Finding
from backproof.checker.outcome import Check, Outcome, OutcomeError, failure_outcome
from backproof.checker.questions import CHECKS
from backproof.checker.reference import is_own_folder
from backproof.checker.runner_wrappers import NoReferenceRunner, ReferenceRanError, TimeLimitedRunner
from backproof.checker.sandbox import Limits, Session
from backproof.checker.submission_folder import code_folder
from backproof.checker.versions import versions
from backproof.errors import ConfigError
from backproof.gradcheck.streams import generator

_REFERENCE = Outcome(
    "not run",
    explanation="this folder runs backproof's own code, the reference, imported or copied: what it would "
    "prove is not the folder's own code. The list of files says which.",
    hint="The folder must hold its own code.",
)
_NO_TIME = Outcome(
    "not run",
    explanation="the checks before have used up the time of this question.",
    hint="Find out first why the others are too slow.",
)
_OWN_FAILURE = "backproof itself failed on what came back: {error}. Please report it, with the folder."
_NOT_YOURS = "This could not be checked; ask whoever runs the checks."


def check_folder(
    folder: Path, *, seed: int = 0, only: Sequence[str] = (), limits: Limits | None = None
) -> CheckReport:
    """Check a folder of the course's layout; ``only``: ids or questions.

    Raises ConfigError if ``only`` names no check, FolderError if the folder holds no submission. What
    the submission does wrong never raises; any other exception out of here is a bug of the checker.
    """
    checks = select(CHECKS, only)
    start = perf_counter()
    is_own = is_own_folder(code_folder(folder))
    with Session(folder, limits or Limits()) as session:
        try:
            results = list(run_checks(checks, session if is_own else NoReferenceRunner(session), seed))
        except ReferenceRanError:
            results = [(check, _REFERENCE, 0.0) for check in checks]
        files, isolation = session.files(), session.isolation
    return CheckReport(
        folder=str(folder),
        findings=[make_finding(*result, folder=folder, seed=seed) for result in results],
        files=list(files),
        isolation=isolation,
        versions=versions(),
        seconds=perf_counter() - start,
        seed=seed,
    )


def select(checks: Sequence[Check], only: Sequence[str]) -> list[Check]:
    """Return the checks that ``only`` names by id or question, in their own order; all if it is empty."""
    known = {name for check in checks for name in (check.id, check.question)}
    for name in only:
        if name not in known:
            near = get_close_matches(name, known) or sorted({check.question for check in checks})
            raise ConfigError(f"no check is called {name!r}; there is {', '.join(near)}")
    return [check for check in checks if not only or check.id in only or check.question in only]


def run_checks(checks: Sequence[Check], runner: Runner, seed: int) -> Iterator[tuple[Check, Outcome, float]]:
    """Yield each check with its outcome and seconds; a new process for each question, and after a mistake.

    A question's time is bounded: what is left after it is not run.
    """
    question, is_right, limited = "", True, TimeLimitedRunner(runner)
    for check in checks:
        if check.question != question:
            limited.used = 0.0
        if question and (check.question != question or not is_right):
            limited.reset()
        outcome, seconds = (_NO_TIME, 0.0) if limited.is_over else run_check(check, limited, seed)
        yield check, outcome, seconds
        question, is_right = check.question, outcome.verdict == "right"


def run_check(check: Check, runner: Runner, seed: int) -> tuple[Outcome, float]:
    """Run one check with random numbers of its own, and return the outcome and the seconds it took."""
    start = perf_counter()
    rng = generator(seed, "check", check.id)
    try:
        outcome = check.run(runner, rng)
    except SubmissionError as error:
        outcome = failure_outcome(error.failure)
    except OutcomeError as error:
        outcome = error.outcome
    except ReferenceRanError:
        raise
    except Exception as error:  # an unforeseen answer must not cost the other checks
        outcome = Outcome("not run", explanation=_OWN_FAILURE.format(error=repr(error)), hint=_NOT_YOURS)
    return outcome, perf_counter() - start


def make_finding(check: Check, outcome: Outcome, seconds: float, *, folder: Path, seed: int) -> Finding:
    """Return the finding for an outcome, with the command that runs the check again."""
    return Finding(
        id=check.id,
        question=check.question,
        title=check.title,
        verdict=outcome.verdict,
        points=check.points,
        cause=outcome.cause,
        explanation=outcome.explanation,
        hint=outcome.hint,
        note=outcome.note,
        evidence=outcome.evidence,
        rerun=f"backproof check {quote(str(folder))} --only {check.id} --seed {seed}",
        seconds=seconds,
    )
