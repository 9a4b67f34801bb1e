"""The study in its storage: what all workers of a search share, and what proposes a trial's settings.

A trial that a dead or stopped worker leaves is put back into the queue under a new number, with its settings;
its first number is its origin. So trials are counted by their origins, and named by these origins' places.
"""

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import sqlalchemy
from optuna.distributions import BaseDistribution
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning, StorageInternalError
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from backproof.errors import StudyError
from backproof.training.search.space import Value

HEARTBEAT_SECONDS = 30
"""Between a worker's signs of life; a trial whose worker has been silent for five times that is taken up."""
_MISSED_BEATS = 5
_MOST_DEATHS = 5
"""A trial that so many workers died of is given up: it may be what kills them."""
_LOCK_SECONDS = 60
"""How long a worker waits while another one writes into an SQLite file."""
_OPENINGS = 5
"""Workers that make an empty storage's tables at once disturb each other; who comes second tries again."""
_NAME = "backproof search"
_DEFINITION = "definition"
_ORIGIN = "failed_trial"
"""Where Optuna keeps the number of the trial that a retried one began as."""
SURPLUS = "surplus"
"""Marks a trial that was begun after the last one, as another worker began that at the same moment."""


@dataclass(frozen=True)
class Definition:
    """What makes two searches the same study."""

    recipe: str
    settings: dict[str, Any]
    """Those that all trials share, but for where and by how many threads they are computed."""
    space: dict[str, Any]


class _Storage(RDBStorage):
    """Optuna's, whose heart may miss a beat: a database that is busy or restarted costs no trial."""

    def record_heartbeat(self, trial_id: int) -> None:
        try:
            super().record_heartbeat(trial_id)
        except (StorageInternalError, SQLAlchemyError):
            return


class Sampler(BaseSampler):
    """What a trial tries is a function of the seed, its number, and the results so far.

    With combinations, a trial tries that of its place among all trials; without, the one that Bayesian
    optimization by tree-structured Parzen estimators proposes (Bergstra et al. 2011).
    """

    def __init__(self, seed: int, combinations: Sequence[Mapping[str, Value]] | None) -> None:
        self._seed = seed
        self._combinations = combinations
        self._estimators = TPESampler()
        self._combination: Mapping[str, Value] = {}

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Get ready for this trial."""
        if self._combinations is None:
            state = np.random.SeedSequence((self._seed, trial.number)).generate_state(1)
            self._estimators = TPESampler(seed=int(state[0]))
        else:
            self._combination = self._combinations[place(study, trial) % len(self._combinations)]

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return what is proposed together: nothing."""
        return self._estimators.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose what is proposed together."""
        return self._estimators.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Propose the value of one entry of the space."""
        if self._combinations is None:
            return self._estimators.sample_independent(study, trial, param_name, param_distribution)
        return self._combination[param_name]


def sqlite_url(folder: Path) -> str:
    """Return the URL of the study's file in a folder."""
    return sqlalchemy.URL.create("sqlite", database=str(folder / "study.db")).render_as_string()


@contextmanager
def opened(
    url: str,
    definition: Definition,
    sampler: BaseSampler,
    pruner: optuna.pruners.BasePruner,
    first: Mapping[str, Value] | None,
) -> Iterator[Study]:
    """Yield the study in this storage, made if it is not there, its first trial with the values ``first``.

    Raises StudyError where the storage cannot be reached, fails later, or has another study.
    """
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    shown = _without_password(url)
    try:
        storage = _open_storage(url, shown)
        try:
            yield _open_study(storage, shown, definition, sampler, pruner, first)
        finally:
            storage.remove_session()
            storage.engine.dispose()
    except (StorageInternalError, SQLAlchemyError) as error:
        raise StudyError(
            f"the storage {shown} fails: {_reason(error, url)}; once it works, give the same command again: "
            "what has been trained is saved"
        ) from None


def _open_storage(url: str, shown: str) -> _Storage:
    is_file = sqlalchemy.make_url(url).get_backend_name() == "sqlite"
    engine: dict[str, Any] = (
        {"connect_args": {"timeout": _LOCK_SECONDS}} if is_file else {"pool_pre_ping": True}
    )
    for left in reversed(range(_OPENINGS)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                return _Storage(
                    url.replace("{", "{{").replace("}", "}}"),  # which Optuna would take for a placeholder
                    engine,
                    heartbeat_interval=HEARTBEAT_SECONDS,
                    grace_period=_MISSED_BEATS * HEARTBEAT_SECONDS,
                    heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(_MOST_DEATHS),
                )
        except ImportError as error:
            raise StudyError(
                f"the storage {shown} needs a driver that is not installed ({error.__cause__ or error}): "
                "pip install it, for PostgreSQL 'psycopg[binary]' with a URL postgresql+psycopg://…"
            ) from None
        except (StorageInternalError, SQLAlchemyError) as error:
            at_once = isinstance(error, sqlalchemy.exc.IntegrityError) or "already exists" in str(error)
            if not left or not at_once:
                raise StudyError(
                    f"cannot open the storage {shown}: {_reason(error, url)}; see --storage"
                ) from None
            time.sleep(1)
        except RuntimeError as error:  # of another version of Optuna
            raise StudyError(f"cannot use the storage {shown}: {_reason(error, url)}") from None
    raise AssertionError("the last opening returns or raises")


def _open_study(
    storage: RDBStorage,
    shown: str,
    definition: Definition,
    sampler: BaseSampler,
    pruner: optuna.pruners.BasePruner,
    first: Mapping[str, Value] | None,
) -> Study:
    others = [name for name in optuna.get_all_study_names(storage) if name != _NAME]
    if others:
        raise StudyError(
            f"the storage {shown} has another study, {others[0]!r}; give this search a storage of its own"
        )
    try:
        study = optuna.create_study(
            storage=storage, study_name=_NAME, direction="maximize", sampler=sampler, pruner=pruner
        )
        if first is not None:
            study.enqueue_trial(dict(first))
    except DuplicatedStudyError:
        study = optuna.load_study(storage=storage, study_name=_NAME, sampler=sampler, pruner=pruner)
    if _DEFINITION not in study.user_attrs:
        study.set_user_attr(_DEFINITION, asdict(definition))
    _require_same(study.user_attrs[_DEFINITION], asdict(definition), shown)
    return study


def _require_same(theirs: Mapping[str, Any], ours: Mapping[str, Any], shown: str) -> None:
    """Refuse to mix searches of different things (StudyError)."""
    for part, what in (("recipe", ""), ("settings", ""), ("space", "the search space of ")):
        if theirs[part] == ours[part]:
            continue
        if part == "recipe":
            differs = f"recipe {theirs[part]}, not of {ours[part]}"
        else:
            name = next(
                each
                for each in {**theirs[part], **ours[part]}
                if theirs[part].get(each) != ours[part].get(each)
            )
            differs = f"{what}{name} {theirs[part].get(name)}, here it is {ours[part].get(name)}"
        raise StudyError(
            f"the study in {shown} is another one ({differs}): give the same command to join it, or another "
            "--out or --storage"
        )


def origin(trial: FrozenTrial) -> int:
    """Return the number that a trial first had."""
    return int(trial.system_attrs.get(_ORIGIN, trial.number))


def latest(study: Study) -> list[FrozenTrial]:
    """Return every trial in its place: of one that was taken up again, its latest continuation."""
    by_origin = _by_origin(study)
    return [by_origin[number] for number in sorted(by_origin)]


def place(study: Study, trial: FrozenTrial) -> int:
    """Return a trial's place among all, which stays the same when it is taken up again."""
    return sorted(_by_origin(study)).index(origin(trial))


def _by_origin(study: Study) -> dict[int, FrozenTrial]:
    trials = study.get_trials(deepcopy=False)
    return {origin(trial): trial for trial in trials if SURPLUS not in trial.user_attrs}


def frozen(study: Study, number: int) -> FrozenTrial:
    """Return a trial by its own number, as the storage has it."""
    return next(trial for trial in study.get_trials(deepcopy=False) if trial.number == number)


def take_up_lost_trials(study: Study) -> None:
    """Put the trials of dead workers back into the queue."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)


def hand_back(study: Study, number: int) -> None:
    """Put a trial that its worker has failed back into the queue, which is served before new trials."""
    trial = frozen(study, number)
    if trial.state == TrialState.FAIL:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            RetryHeartbeatStaleTrialCallback()(study, trial)


def _without_password(url: str) -> str:
    """Return a storage's URL as it may be shown (StudyError if it is none)."""
    try:
        return sqlalchemy.make_url(url).render_as_string(hide_password=True)
    except (SQLAlchemyError, ValueError):
        raise StudyError(
            "the storage's URL cannot be read; it is like sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
        ) from None


def _reason(error: BaseException, url: str) -> str:
    """Return the first line of what the database said, without the password."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    password = sqlalchemy.make_url(url).password
    return text.replace(str(password), "***") if password else text
