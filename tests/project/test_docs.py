"""The documentation: its code runs as printed, its formulas are the code's, and its pages need no network."""

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import click
import pytest

from backproof.cli.main import cli as commands

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
sys.path.append(str(DOCS))
from run_examples import PYTHON_BLOCK, run_examples  # noqa: E402 — where the pages are

PAGES = sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
FORMULA = re.compile(r"^ *([a-z_]+\.\w+): +(\S.*(?:\n {10,}\S.*)*)$", re.MULTILINE)
NEEDS_PYTORCH = re.compile(r"^(>>> )?(import|from) torch\b", re.MULTILINE)


def missing(*modules: str) -> str:
    """Say which of the modules are not installed, or nothing."""
    absent = [name for name in modules if importlib.util.find_spec(name) is None]
    return f"{', '.join(absent)} not installed" if absent else ""


def page_id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


# Code


@pytest.mark.parametrize("page", [page for page in PAGES if ">>> " in TEXTS[page]], ids=page_id)
def test_examples_print_what_the_page_shows(page: Path) -> None:
    text = TEXTS[page]
    if NEEDS_PYTORCH.search(text) and missing("torch"):
        pytest.skip(missing("torch"))
    assert not run_examples(page_id(page), text)


README_EXAMPLES = PYTHON_BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("number", range(len(README_EXAMPLES)))
def test_readme_examples_run(number: int) -> None:
    example = README_EXAMPLES[number]
    if "torch" in example and missing("torch"):
        pytest.skip(missing("torch"))
    exec(compile(example, f"README.md, example {number + 1}", "exec"), {})


def test_readme_s_links_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)", text)
    assert len(targets) > 10
    assert [target for target in targets if "://" not in target and not (ROOT / target).exists()] == []


def test_readme_is_one_screen() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8")) <= 9000


# Formulas and labels


def docstring_formulas() -> dict[str, set[str]]:
    """Return every formula in a docstring of src by its label, spaces made single."""
    formulas: dict[str, set[str]] = {}
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            docstring = ast.get_docstring(node) if isinstance(node, kinds) else None
            for label, formula in FORMULA.findall(docstring or ""):
                formulas.setdefault(label, set()).add(" ".join(formula.split()))
    return formulas


def test_labels_on_the_pages_are_those_of_the_code() -> None:
    formulas = docstring_formulas()
    families = {label.partition(".")[0] for label in formulas}
    assert {"linear", "leaky_relu", "softmax_cross_entropy", "bn"} <= families
    mentioned: set[str] = set()
    for text in TEXTS.values():
        names = re.findall(r"`([a-z_]+\.\w+)`", text) + [label for label, _ in FORMULA.findall(text)]
        names += re.findall(r"^backproof prove ([a-z_]+\.\w+)", text, re.MULTILINE)
        mentioned |= {name for name in names if name.partition(".")[0] in families}
    assert mentioned >= {"linear.dW", "leaky_relu.dx", "softmax_cross_entropy.dx", "bn.dx"}
    assert mentioned <= formulas.keys()


@pytest.mark.parametrize("page", [page for page in PAGES if FORMULA.search(TEXTS[page])], ids=page_id)
def test_formulas_on_the_pages_are_those_of_the_code(page: Path) -> None:
    formulas = docstring_formulas()
    for label, formula in FORMULA.findall(TEXTS[page]):
        assert " ".join(formula.split()) in formulas[label]


# Commands


def test_each_command_has_a_page() -> None:
    pages = {page.stem for page in PAGES if page.parent.name == "howto"}
    assert commands.commands.keys() <= pages


def options_of(command: click.Command) -> set[str]:
    """Name the options of a command and of its own commands."""
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    own = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    return own.union(*map(options_of, inner))


@pytest.mark.parametrize("name", commands.commands)
def test_the_options_in_a_page_s_table_exist(name: str) -> None:
    rows = re.findall(r"^\| (`--[^|]*) \|", TEXTS[DOCS / "howto" / f"{name}.md"], re.MULTILINE)
    listed = {option for row in rows for option in re.findall(r"--[a-z-]+", row)}
    assert listed <= options_of(commands.commands[name])


def test_the_recipes_page_shows_lines_that_the_command_prints(
    cli: Callable[..., tuple[int, str, str]],
) -> None:
    _, out, _ = cli("recipes")
    shown = TEXTS[DOCS / "howto" / "recipes.md"].partition("```text\n")[2].partition("```")[0]
    lines = [line.split() for line in shown.splitlines() if line != "⋮"]
    assert len(lines) >= 3
    assert all(line in [printed.split() for printed in out.splitlines()] for line in lines)


# The built site


class Loaded(HTMLParser):
    """Collects what a browser loads by itself to show a page; what a reader has to click is not among it."""

    SOURCES = frozenset({"src", "srcset", "data", "poster"})

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in self.SOURCES or (tag in ("link", "base") and name == "href"):
                self.addresses.append(value or "")


@pytest.mark.slow
def test_the_site_builds_without_warnings_and_loads_nothing_from_a_network(tmp_path: Path) -> None:
    if reason := missing("sphinx", "furo", "myst_parser", "torch"):
        pytest.skip(reason)
    site = tmp_path / "html"
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--builder", "html",
         "--doctree-dir", tmp_path / "doctrees", DOCS, site],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pages = sorted(site.rglob("*.html"))
    assert {site / "index.html", site / "tutorial.html", site / "api" / "numpy_nn.html"} <= set(pages)
    for page in pages:
        loaded = Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        assert loaded.addresses, page
        for address in loaded.addresses:
            place = re.split("[?#]", address)[0]
            assert not re.match(r"(https?:)?//", address), f"{page} loads {address}"
            assert address.startswith("data:") or not place or (page.parent / place).exists(), (page, address)
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", sheet.read_text(encoding="utf-8")), (
            sheet
        )
    # The formulas are verbatim, each on a line of its own.
    assert "\nlinear.db:  ∂L/∂b_i = Σ_s ∂L/∂y_si" in (site / "api" / "numpy_nn.html").read_text("utf-8")
