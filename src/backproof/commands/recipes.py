"""backproof recipes: what can be trained."""

import click

from backproof.recipes import RECIPES


@click.command()
def recipes() -> None:
    """List the recipes and what they change of the default settings."""
    width = max(len(name) for name in RECIPES)
    for recipe in RECIPES.values():
        changed = " ".join(f"{name}={value}" for name, value in recipe.settings.items())
        click.echo(f"{recipe.name:{width}}  {recipe.summary}  {changed}".rstrip())
