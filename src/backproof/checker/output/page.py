"""A report as one HTML page: it needs no network, runs no script, and takes no text as markup."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from backproof.checker.check_report import CheckReport, Evidence
from backproof.checker.output import report_text

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_MOST_ROWS, _MOST_COLUMNS = 12, 8
_GRADIENTS = {"x": "the returned dx", "W": "grads['weight']", "b": "grads['bias']"}
"""By the input that each is the gradient of."""


class Cell(NamedTuple):
    """One entry of an input."""

    text: str
    marked: bool


class Matrix(NamedTuple):
    """An input as a table of numbers, and the shape if not all of it is shown."""

    name: str
    rows: list[list[Cell]]
    rest: str


def page(report: CheckReport) -> str:
    """Return the page of a report after ``escape_control_characters``, and ``hints_only`` for students."""
    template = _TEMPLATES.get_template("page.html")
    return template.render(report=report, report_text=report_text, matrices=matrices)


def matrices(evidence: Evidence) -> Iterator[Matrix]:
    """Yield the smallest input, array by array; of those with more than two axes only the shape.

    Marked is the entry whose gradient is wrong.
    """
    for name, value in evidence.inputs.items():
        array = np.asarray(value)
        marked = np.zeros(array.shape, bool)
        is_of = evidence.parameter in (_GRADIENTS.get(name), f"gradient of {name}")
        if is_of and 0 < array.ndim == len(evidence.index):
            marked[tuple(evidence.index)] = True
        shown = [np.atleast_2d(part)[:_MOST_ROWS, :_MOST_COLUMNS].tolist() for part in (array, marked)]
        rows = [
            [Cell(_number(entry), mark) for entry, mark in zip(*row, strict=True)]
            for row in zip(*shown, strict=True)
            if array.ndim <= 2
        ]
        yield Matrix(
            name, rows, report_text.format_shape(array.shape) if sum(map(len, rows)) < array.size else ""
        )


def _number(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
