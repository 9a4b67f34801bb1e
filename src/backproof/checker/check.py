"""Run the checks on a folder, each apart from the others, and put together what they found."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from shlex import quote
from time import perf_counter

from backproof.checker.calls import Runner, SubmissionError
from backproof.checker.folder import code_folder
from backproof.checker.outcome import Check, DecidedError, Outcome, failed
from backproof.checker.questions import CHECKS
from backproof.checker.reference import is_own_folder
from backproof.checker.result import CheckReport, Finding
from backproof.checker.runners import Metered, OwnCode, ReferenceRanError
from backproof.checker.sandbox import Limits, Session
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
            found = list(run_checks(checks, session if is_own else OwnCode(session), seed))
        except ReferenceRanError:
            found = [(check, _REFERENCE, 0.0) for check in checks]
        files, isolation = session.files(), session.isolation
    return CheckReport(
        folder=str(folder),
        findings=[finding(*each, folder=folder, seed=seed) for each in found],
        files=list(files),
        isolation=isolation,
        versions=versions(),
        seconds=perf_counter() - start,
        seed=seed,
    )


def select(checks: Sequence[Check], only: Sequence[str]) -> list[Check]:
    """Return the checks that ``only`` names by id or question, in their own order; all if it is empty."""
    known = {name for each in checks for name in (each.id, each.question)}
    for name in only:
        if name not in known:
            near = get_close_matches(name, known) or sorted({each.question for each in checks})
            raise ConfigError(f"no check is called {name!r}; there is {', '.join(near)}")
    return [each for each in checks if not only or each.id in only or each.question in only]


def run_checks(checks: Sequence[Check], runner: Runner, seed: int) -> Iterator[tuple[Check, Outcome, float]]:
    """Yield each check with its outcome and seconds; a new process for each question, and after a mistake.

    A question's time is bounded: what is left after it is not run.
    """
    question, is_right, metered = "", True, Metered(runner)
    for check in checks:
        if check.question != question:
            metered.used = 0.0
        if question and (check.question != question or not is_right):
            metered.reset()
        outcome, seconds = (_NO_TIME, 0.0) if metered.is_over else run_check(check, metered, seed)
        yield check, outcome, seconds
        question, is_right = check.question, outcome.verdict == "right"


def run_check(check: Check, runner: Runner, seed: int) -> tuple[Outcome, float]:
    """Run one check with random numbers of its own, and return the outcome and the seconds it took."""
    start = perf_counter()
    rng = generator(seed, "check", check.id)
    try:
        outcome = check.run(runner, rng)
    except SubmissionError as error:
        outcome = failed(error.failure)
    except DecidedError as error:
        outcome = error.outcome
    except ReferenceRanError:
        raise
    except Exception as error:  # the other checks shall not be lost to an answer that nobody thought of
        outcome = Outcome("not run", explanation=_OWN_FAILURE.format(error=repr(error)), hint=_NOT_YOURS)
    return outcome, perf_counter() - start


def finding(check: Check, outcome: Outcome, seconds: float, *, folder: Path, seed: int) -> Finding:
    """Write an outcome down, with the command that shows it again."""
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
