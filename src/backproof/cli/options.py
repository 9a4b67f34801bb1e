"""Options that several commands share, and the settings that they give together."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import click

from backproof.errors import ConfigError
from backproof.training.config import TrainConfig, choices, laid_over

if TYPE_CHECKING:
    from backproof.training.recipe import Recipe


class _FilePath(click.Path):
    """A path as the user wrote it; an empty one, as of an unset variable, is a mistake."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("the path is empty", param, ctx)
        return super().convert(value, param, ctx)


FilePath = _FilePath(path_type=Path)


def given(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the flags that the user gave."""
    return {name: value for name, value in flags.items() if value is not None}


def setting_flags(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command one flag for each setting of TrainConfig, None where it is not given."""
    types = get_type_hints(TrainConfig)
    for setting in reversed(fields(TrainConfig)):
        kind = types[setting.name]
        flag = f"--{setting.name.replace('_', '-')}"
        value: dict[str, Any] = {"type": kind}
        if kind is bool:
            flag, value = f"{flag}/--no-{flag[2:]}", {"default": None}
        if choices(setting.name):
            value = {"type": click.Choice(choices(setting.name))}
        elif kind == tuple[int, ...]:
            value = {"type": str, "metavar": "SIZES"}
        elif kind == str | None:
            value = {"type": str, "metavar": "PATH"}
        default = ",".join(map(str, setting.default)) if kind == tuple[int, ...] else setting.default
        text = setting.metadata["help"] + (
            f"  [{default}]" if default is not None and default is not False else ""
        )
        command = click.option(flag, setting.name, help=text, **value)(command)
    return command


def collect_settings(
    recipe: "Recipe", fast: bool, settings_file: Path | None, flags: Mapping[str, Any]
) -> dict[str, Any]:
    """Lay flags over a file over the fast settings, of those that are given (ConfigError)."""
    settings = given(flags)
    if {"steps", "epochs"} <= settings.keys():
        raise ConfigError("give --steps or --epochs, not both")
    if settings_file is not None:
        from backproof.training.settings_file import read_settings

        from_file = read_settings(settings_file)
        try:
            recipe.configure(from_file)
        except ConfigError as error:
            raise ConfigError(f"settings file {settings_file}: {error}") from None
        settings = laid_over(from_file, settings)
    if not fast:
        return settings
    from backproof.cli.output import say
    from backproof.training.processes import world_size

    fastest = recipe.fast_settings(settings.get("device", "auto"), world_size())
    used = [f"{name} {value}" for name, value in fastest.items() if name not in settings]
    say(f"fast      {', '.join(used) or 'changes nothing here'}")
    return laid_over(fastest, settings)


fast_option = click.option(
    "--fast",
    is_flag=True,
    help="the settings that train fastest on this machine; file and flags go over them",
)
device_option = click.option(
    "--device",
    type=click.Choice(choices("device")),
    help="compute on this, not on what the run was trained on (PyTorch's networks)",
)
data_dir_option = click.option(
    "--data-dir",
    type=FilePath,
    metavar="PATH",
    help=TrainConfig.__dataclass_fields__["data_dir"].metadata["help"],
)
