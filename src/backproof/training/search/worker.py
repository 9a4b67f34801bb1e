"""A worker of a search: it takes trial after trial until the study has all of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import optuna
from optuna.exceptions import TrialPruned, UpdateFinishedTrialError
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from backproof.errors import RunError
from backproof.training import environment
from backproof.training.config import setting_names
from backproof.training.record import RunRecord
from backproof.training.run import Run
from backproof.training.search import search_record, study
from backproof.training.search.importances import importances
from backproof.training.search.search_record import SearchedTrial, SearchRecord
from backproof.training.search.space import Value
from backproof.training.search.study import Definition, Sampler
from backproof.training.search.trial import FAILED, SECONDS, Interrupted, Search, train_trial
from backproof.training.setting import Role
from backproof.training.trainer import Callbacks

_TRIALS = 40
"""How many there are unless the user says it or the space has an end."""
_HALVING = 2
"""After eval_every × 2ᵏ steps the better half goes on (asynchronous successive halving, Li et al. 2020)."""
_POLL_SECONDS = 0.5
TRIALS_FOLDER = "trials"


@dataclass(frozen=True)
class Hooks:
    """What a worker calls."""

    train: Callable[[Run, Callbacks], RunRecord | None]
    """Trains a run, as trainer.train does."""
    on_trial: Callable[[SearchedTrial, int], None] = lambda _, __: None
    """After each trial of this worker: the trial, and how many there are in all."""
    on_wait: Callable[[int], None] = lambda _: None
    """Once, when only trials of so many other workers are left."""
    should_stop: Callable[[], bool] = lambda: False
    """Asked before each step."""


class _Surplus(Exception):
    """Another worker has begun the last trial at the same moment."""


def run_search(
    search: Search, out: Path, hooks: Hooks, *, trials: int | None = None, storage: str | None = None
) -> tuple[SearchRecord, bool]:
    """Work on a search's study until it has ``trials`` trials, whoever runs them, or until asked to stop.

    Returns what was found, which is in ``out``/search.json too, and whether that is all. A trial's run is in
    ``out``/trials/NUMBER. Raises StudyError, ConfigError, DataError and RunError; what was trained is saved,
    and the same call goes on.
    """
    base = search.recipe.configure(search.fixed)
    unmodified = search.space.unmodified(search.recipe, search.fixed)
    combinations = search.space.combinations()
    if combinations is not None:
        combinations = _in_order(combinations, unmodified, base.seed)
    total = trials or _TRIALS
    if combinations is not None:
        total = min(trials or len(combinations), len(combinations))
    shared = {
        name: value
        for name, value in search.recipe.settings_of(base).items()
        if name not in setting_names(Role.LOCATION, Role.MACHINE)
    }
    definition = Definition(search.recipe.name, *_plain((shared, search.space.text)))
    try:
        (out / TRIALS_FOLDER).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make the folder {out}: {error.strerror}; choose another --out") from None
    with study.opened(
        study.sqlite_url(out) if storage is None else storage,
        definition,
        Sampler(base.seed, combinations),
        optuna.pruners.NopPruner()
        if combinations is not None
        else optuna.pruners.SuccessiveHalvingPruner(base.eval_every, _HALVING),
        None if combinations is not None else unmodified,
    ) as opened:
        total = max(
            total, len(study.latest(opened))
        )  # those that another call began are brought to their end
        finished = _work(opened, search, out / TRIALS_FOLDER, total, hooks)
        ended = [_ended(search, number, trial) for number, trial in enumerate(study.latest(opened))]
    done = [trial for trial in ended if trial is not None]
    record = SearchRecord(
        recipe=search.recipe.name,
        config=definition.settings,
        space=definition.space,
        trials_planned=total,
        trials=done,
        importances=importances(search.space, done),
        environment=environment.describe(),
    )
    try:
        search_record.write(out, record)
    except OSError as error:
        raise RunError(
            f"cannot write {out / search_record.FILE_NAME}: {error.strerror}; give the same command again"
        ) from None
    return record, finished


def _plain(value: Any) -> Any:
    """Return what JSON makes of a value, which is what the storage returns."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _in_order(
    combinations: list[dict[str, Value]], unmodified: dict[str, Value] | None, seed: int
) -> list[dict[str, Value]]:
    """Return the unmodified recipe first, if it is one of them, and the others shuffled.

    So the first few are a fair sample of all.
    """
    order = np.random.default_rng(seed).permutation(len(combinations))
    shuffled = [combinations[place] for place in order]
    return sorted(shuffled, key=lambda combination: combination != unmodified)


def _work(opened: Study, search: Search, folder: Path, total: int, hooks: Hooks) -> bool:
    """Take trials until all have ended; return False if asked to stop before."""
    waiting = False
    while not hooks.should_stop():
        study.take_up_lost_trials(opened)
        latest = study.latest(opened)
        states = [trial.state for trial in latest]
        if len(latest) < total or TrialState.WAITING in states:
            waiting = False
            if not _take_one(opened, search, folder, total, hooks):
                return False
        elif TrialState.RUNNING in states:
            if not waiting:
                waiting = True
                hooks.on_wait(states.count(TrialState.RUNNING))
            time.sleep(_POLL_SECONDS)
        else:
            return True
    return False


def _take_one(opened: Study, search: Search, folder: Path, total: int, hooks: Hooks) -> bool:
    """Take a trial and bring it to its end; return False if asked to stop: then it is handed back."""
    number, place = -1, -1
    taken = False

    def objective(trial: optuna.Trial) -> float:
        nonlocal number, place, taken
        number = trial.number
        frozen = study.frozen(opened, number)
        place = study.place(opened, frozen)
        if place >= total:
            trial.set_user_attr(study.SURPLUS, True)
            raise _Surplus
        try:
            try:
                return train_trial(trial, search, folder / str(place), hooks.train, hooks.should_stop)
            except RunError:
                if number == study.origin(frozen):
                    raise
                # A trial's run that was taken up may be damaged, or its worker only suspended.
                return train_trial(trial, search, folder / f"{place}-anew", hooks.train, hooks.should_stop)
        except UpdateFinishedTrialError:
            taken = True
            raise TrialPruned from None

    try:
        opened.optimize(objective, n_trials=1, catch=(_Surplus,))
    except Interrupted:
        study.hand_back(opened, number)
        return False
    except ValueError:
        # The study has given this trial to another worker, as this one was silent for long: suspended, say.
        if not taken:
            raise
        return True
    except BaseException:
        if number >= 0:
            study.hand_back(opened, number)
        raise
    ended = _ended(search, place, study.frozen(opened, number))
    if ended is not None and place < total:
        hooks.on_trial(ended, total)
    return True


def _ended(search: Search, number: int, trial: FrozenTrial) -> SearchedTrial | None:
    """Return what the record keeps of a trial, None of one that has not ended."""
    attributes = trial.user_attrs
    if not trial.state.is_finished() or trial.params.keys() != search.space.entries.keys():
        return None
    state: Literal["finished", "stopped early", "failed"] = "finished"
    reason = attributes.get(FAILED, "")
    if trial.state == TrialState.FAIL:
        state, reason = "failed", "every worker that took it was lost"
    elif trial.state == TrialState.PRUNED:
        state = "failed" if reason else "stopped early"
    values = search.space.values(trial.params)
    return SearchedTrial(
        number=number,
        values=values,
        settings=_plain(search.space.settings(values)),
        state=state,
        curve=sorted(trial.intermediate_values.items()),
        seconds=attributes.get(SECONDS),
        reason=reason,
    )
