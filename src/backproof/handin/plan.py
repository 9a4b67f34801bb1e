"""The runs that the report needs: recipes over their seeds, and what is compared on the validation set."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backproof.data.registry import DATASETS
from backproof.errors import ConfigError
from backproof.training.config import TrainConfig, setting_names
from backproof.training.recipe import Plan, Recipe
from backproof.training.recipes import RECIPES
from backproof.training.run import absolute_data_dir
from backproof.training.setting import Role


@dataclass(frozen=True)
class PlannedRun:
    """One run to train."""

    name: str
    """Its folder, below the folder of all of them."""
    recipe: Recipe
    settings: TrainConfig
    seconds: float
    """A first guess."""

    def has_settings(self, config: Mapping[str, Any]) -> bool:
        """Return whether a run's settings are these, but for how it was computed (ConfigError)."""
        computation = setting_names(Role.PRECISION, Role.MACHINE, Role.LOCATION)
        planned, other = (
            {
                name: value
                for name, value in self.recipe.settings_of(settings).items()
                if name not in computation
            }
            for settings in (self.settings, self.recipe.configure(config))
        )
        return planned == other


def planned_runs(data: str, data_dir: str | None = None) -> list[PlannedRun]:
    """Return every run of the report, recipe by recipe, then what is compared (ConfigError)."""
    info = DATASETS[data]
    base = {"data": data} if data_dir is None else {"data": data, "data_dir": data_dir}
    plans = [(recipe, recipe.small_plan if info.small else recipe.plan) for recipe in RECIPES.values()]

    def planned_run(name: str, recipe: Recipe, plan: Plan, changes: Mapping[str, Any]) -> PlannedRun:
        settings = recipe.configure(base, plan.settings, _precision(recipe, plan), changes)
        seconds = plan.seconds
        whole = recipe.configure(plan.settings)
        if bool(settings.epochs) == bool(whole.epochs):  # what is compared may be shorter
            seconds *= (settings.epochs or settings.steps) / (whole.epochs or whole.steps)
        return PlannedRun(name, recipe, absolute_data_dir(settings), seconds)

    seeds = [
        planned_run(f"{recipe.name}/seed-{seed}", recipe, plan, {"seed": seed})
        for recipe, plan in plans
        if plan
        for seed in plan.seeds
    ]
    variants = [
        planned_run(f"choices/{name}", recipe, plan, {"validation_size": info.validation_size, **changes})
        for recipe, plan in plans
        if plan
        for name, changes in plan.variants.items()
    ]
    folders = Counter(planned.name for planned in seeds + variants)
    repeated = [folder for folder, count in folders.items() if count > 1]
    if repeated:
        raise ConfigError(f"the plans of several recipes have a run {', '.join(repeated)}: rename a variant")
    return seeds + variants


def _precision(recipe: Recipe, plan: Plan) -> Mapping[str, Any]:
    """Return bfloat16, where it is planned and the machine computes with it quickly.

    In 32 bits a run of the wide networks would take some ten minutes. The report names each run's precision.
    """
    if not plan.bf16:
        return {}
    fastest = recipe.fast_settings("auto")
    return {"precision": fastest["precision"]} if "precision" in fastest else {}
