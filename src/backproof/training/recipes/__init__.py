"""The recipes. A new one is an entry in one of these files, named in RECIPES below, and nothing elsewhere."""

from backproof.errors import ConfigError
from backproof.training.config import did_you_mean
from backproof.training.recipe import Recipe, ReportEntry
from backproof.training.recipes import best, course, course_report, improvements

RECIPES = {
    recipe.name: recipe
    for recipe in (
        course.MLP_NUMPY,
        course.MLP_TORCH,
        course_report.REPORT_1_DEEP_ADAM,
        course_report.REPORT_2_LONGER,
        course_report.REPORT_3_DECAY,
        course_report.REPORT_4_BATCHNORM,
        improvements.MLP_1_DEEP,
        improvements.MLP_2_LONG,
        improvements.MLP_3_DECAY,
        improvements.MLP_4_NORM,
        improvements.MLP_5_AUGMENTED,
        improvements.MLP_6_SMOOTHED,
        improvements.MLP_7_AVERAGED,
        best.MLP_BEST,
        best.MLP_BEST_UNIFORM,
        course.CONVNET_BY_TABLE_1,
        best.CONVNET_BEST,
        course_report.MLP_NUMPY_BATCHNORM,
        course.CONVNET_NUMPY,
    )
}


def report_entries() -> dict[str, ReportEntry]:
    """Return what the report shows of each recipe in it, by the recipe's name."""
    return {name: recipe.in_report for name, recipe in RECIPES.items() if recipe.in_report}


def find_recipe(name: str) -> Recipe:
    """Look a recipe up by name (ConfigError)."""
    if name not in RECIPES:
        raise ConfigError(f"no recipe '{name}'{did_you_mean(name, RECIPES)}")
    return RECIPES[name]
