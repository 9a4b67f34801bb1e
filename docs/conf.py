"""How Sphinx builds these pages: plain files that open from disk and ask nothing of a network."""

import re
import sys
from dataclasses import fields
from pathlib import Path

import numpy.typing as npt
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.typing import stringify_annotation

from backproof import __version__
from backproof.training.config import TrainConfig

sys.path.append(str(Path(__file__).parent))
from run_examples import run_examples

project = "backproof"
author = "The backproof authors"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"backproof {__version__}"
html_copy_source = False
html_show_copyright = False
html_theme_options = {"footer_icons": []}

autodoc_default_options = {"members": True, "member-order": "bysource", "exclude-members": "__new__"}
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
default_role = "literal"
highlight_language = "none"
smartquotes = False

_FORMULA = re.compile(r"[a-z_]+\.\w+: ")
_ARRAY = re.compile(r"~numpy\.ndarray\[tuple\[~typing\.Any, \.\.\.\], ~numpy\.dtype\[(~?[\w.]+)\]\]")
_SHORT = {
    stringify_annotation(npt.ArrayLike, "smart"): "ArrayLike",
    stringify_annotation(npt.DTypeLike, "smart"): "DTypeLike",
    "<factory>": "...",  # which Sphinx cannot read
}


def keep_formulas(
    _app: Sphinx, _what: str, name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Show paragraphs that begin with a formula's label as they stand; list settings with --help's text."""
    kept: list[str] = []
    within = False
    for line in lines:
        if not within and _FORMULA.match(line):
            within = True
            kept += ["::", ""]
        elif not line.strip():
            within = False
        kept.append(f"   {line}" if within else line)
    if name == "backproof.training.config.TrainConfig":
        kept += [f"* ``{setting.name}``: {setting.metadata['help']}" for setting in fields(TrainConfig)]
    lines[:] = kept


def shorten_types(
    _app: Sphinx,
    _what: str,
    _name: str,
    _obj: object,
    _options: object,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """Write NumPy's types as the source does."""

    def shortened(text: str | None) -> str | None:
        for long, short in _SHORT.items():
            text = text and text.replace(long, short)
        return text and _ARRAY.sub(r"NDArray[\1]", text)

    return shortened(signature), shortened(returns)


def compute_examples(_app: Sphinx, page: str, source: list[str]) -> None:
    """Compute every number of a page's examples, and build no page that shows another one."""
    differences = run_examples(page, source[0])
    if differences:
        raise ExtensionError(f"{page} does not show what its examples print:\n{differences}")


def setup(app: Sphinx) -> None:
    """Register the hooks."""
    app.connect("source-read", compute_examples)
    app.connect("autodoc-process-docstring", keep_formulas)
    app.connect("autodoc-process-signature", shorten_types)
