"""backproof recipes: what can be trained."""

import click

from backproof.training.recipes import RECIPES


@click.command()
def recipes() -> None:
    """List the recipes and what they change of the default settings."""
    width = max(len(name) for name in RECIPES)
    for recipe in RECIPES.values():
        changed = " ".join(f"{name}={_typed(value)}" for name, value in recipe.settings.items())
        click.echo(f"{recipe.name:{width}}  {recipe.summary}  {changed}".rstrip())


def _typed(value: object) -> str:
    """Write a setting as its flag takes it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
