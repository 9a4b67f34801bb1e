"""Parse paths such as ``layer.params['bias']``, and get what they lead to."""

import re
from dataclasses import dataclass
from typing import Any

from .describe_error import MissingError, submission_line

NAME = re.compile(r"[^\W\d]\w*")
PART = re.compile(r"\.([^\W\d]\w*)|\[(?:'([^']*)'|\"([^\"]*)\"|(-?\d+))\]")


@dataclass(frozen=True)
class PathPart:
    """An attribute or an item of an object."""

    key: str | int
    is_item: bool

    def __str__(self) -> str:
        return f"[{self.key!r}]" if self.is_item else f".{self.key}"

    def get(self, holder: Any) -> Any:
        """Return the value."""
        return holder[self.key] if self.is_item else getattr(holder, str(self.key))

    def put(self, holder: Any, value: Any) -> None:
        """Replace the value."""
        if self.is_item:
            holder[self.key] = value
        else:
            setattr(holder, str(self.key), value)


def parse(path: str) -> tuple[str, list[PathPart]]:
    """Split a path: its name, and the parts from there. Raises MissingError where it is none."""
    name, parts = NAME.match(path), list[PathPart]()
    end = name.end() if name else 0
    while name and end < len(path):
        part = PART.match(path, end)
        if part is None:
            break
        attribute, single_quoted, double_quoted, index = part.groups()
        if attribute is not None:
            parts.append(PathPart(attribute, is_item=False))
        elif index is not None:
            parts.append(PathPart(int(index), is_item=True))
        else:
            parts.append(
                PathPart(single_quoted if single_quoted is not None else double_quoted, is_item=True)
            )
        end = part.end()
    if name is None or end < len(path):
        raise MissingError(f"{path} is no name")
    return name[0], parts


def follow(value: Any, name: str, parts: list[PathPart], folder: str) -> Any:
    """Return what ``parts`` lead to from an object called ``name``; MissingError names the first missing one.

    An exception that the submission's own code raises on the way is let through.
    """
    for i, part in enumerate(parts):
        try:
            value = part.get(value)
        except (AttributeError, LookupError, TypeError) as error:
            if submission_line(error, folder):
                raise
            so_far, asked = (name + "".join(map(str, some)) for some in (parts[:i], parts))
            missing = str(part).removeprefix(".")
            raise MissingError(f"{so_far} has no {missing} (asked for: {asked})") from None
    return value
