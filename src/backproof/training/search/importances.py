"""How much each entry of a search space matters."""

import warnings
from collections.abc import Sequence

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.importance import PedAnovaImportanceEvaluator

from backproof.training.search.search_record import SearchedTrial
from backproof.training.search.space import Choice, SearchSpace

_BEST = 0.25
"""Of the trials; what these have in common is compared with all."""
_FEWEST = 8
"""With fewer trials, two of them or less would be the best quarter."""


def importances(space: SearchSpace, trials: Sequence[SearchedTrial]) -> dict[str, float]:
    """Return each entry's share, largest first: how far the best quarter's values differ from all trials'.

    By PED-ANOVA (Watanabe et al. 2023), which knows ranks alone. So a trial that was stopped early counts
    with its last accuracy, as it was among the worse, and one that failed with 0.
    """
    if len(trials) < _FEWEST:
        return {}
    distributions: dict[str, BaseDistribution] = {
        name: CategoricalDistribution(list(entry.options))
        if isinstance(entry, Choice)
        else IntDistribution(int(entry.low), int(entry.high), log=entry.log)
        if entry.whole
        else FloatDistribution(entry.low, entry.high, log=entry.log)
        for name, entry in space.entries.items()
    }
    study = optuna.create_study(direction="maximize")
    study.add_trials(
        [
            optuna.create_trial(params=trial.values, distributions=distributions, value=trial.accuracy or 0.0)
            for trial in trials
        ]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shares = optuna.importance.get_param_importances(
            study, evaluator=PedAnovaImportanceEvaluator(target_quantile=_BEST)
        )
    return {name: round(share, 4) for name, share in shares.items()}
