"""Options that several commands share, the settings' flags among them."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import click

from backproof.training.config import TrainConfig, choices


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
    for each in reversed(fields(TrainConfig)):
        kind = types[each.name]
        flag = f"--{each.name.replace('_', '-')}"
        value: dict[str, Any] = {"type": kind}
        if kind is bool:
            flag, value = f"{flag}/--no-{flag[2:]}", {"default": None}
        if choices(each.name):
            value = {"type": click.Choice(choices(each.name))}
        elif kind == tuple[int, ...]:
            value = {"type": str, "metavar": "SIZES"}
        elif kind == str | None:
            value = {"type": str, "metavar": "PATH"}
        default = ",".join(map(str, each.default)) if isinstance(each.default, tuple) else each.default
        text = each.metadata["help"] + (
            f"  [{default}]" if default is not None and default is not False else ""
        )
        command = click.option(flag, each.name, help=text, **value)(command)
    return command


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
