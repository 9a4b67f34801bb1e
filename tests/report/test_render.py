"""The report as its readers get it: every equation, figure and number, on paper and in a browser."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from backproof.proof.equations import EQUATIONS
from backproof.proof.prove import prove
from backproof.proof.verdict import Proof
from backproof.report import content, finished_runs, render
from backproof.training.recipe import Plan, Recipe, ReportEntry
from backproof.training.recipes import RECIPES
from report.runs import save_all

pytestmark = pytest.mark.slow
TEMPLATES = Path(render.__file__).parent / "templates"
FIGURES = 18
CLI = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def proofs() -> list[Proof]:
    return [prove(equation, samples=1) for equation in EQUATIONS.values()]


def build(runs: Path, proofs: list[Proof]) -> dict[str, Any]:
    """The content of a report on the runs in a folder."""
    mutation = content.MutationSummary(
        [("index form", 70, 70, 9, 1), ("code", 30, 30, 0, 0)], ["somewhere: something"]
    )
    return content.build(finished_runs.find([runs]), proofs, 1, mutation)


@pytest.fixture(scope="module")
def built(proofs: list[Proof], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The content of a report on made-up runs."""
    return build(save_all(tmp_path_factory.mktemp("all") / "runs"), proofs)


@pytest.fixture(scope="module")
def page(built: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    render.write(folder, built)
    return folder / render.HTML


def test_every_equation_is_shown_once_and_every_shown_one_is_proven() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(TEMPLATES.glob("*.typ")))
    shown = re.findall(r'^#eq\("([^"]+)"\)', text, re.MULTILINE)
    assert sorted(shown) == sorted(EQUATIONS)
    assert set(re.findall(r"@([a-z]\w*\.\w+)", text)) <= EQUATIONS.keys()


def test_no_displayed_formula_goes_without_a_label() -> None:
    for path in TEMPLATES.glob("*.typ"):
        formulas = path.read_text(encoding="utf-8").split("$")[1::2]
        assert not [formula for formula in formulas if formula.startswith((" ", "\n"))], path.name


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def attributes(self, tag: str, name: str) -> list[str]:
        return [str(attrs[name]) for each, attrs in self.tags if each == tag and name in attrs]


def test_the_page_needs_no_other_file(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    parsed = Page(text)
    assert not parsed.attributes("link", "href")
    assert not parsed.attributes("script", "src")
    assert all(src.startswith("data:") for src in parsed.attributes("img", "src"))
    assert all(url.startswith("data:") for url in re.findall(r'url\("?([^")]+)', text))
    assert "@import" not in text


def test_links_lead_somewhere(page: Path) -> None:
    parsed = Page(page.read_text(encoding="utf-8"))
    targets = {attrs["id"] for _, attrs in parsed.tags if "id" in attrs}
    links = parsed.attributes("a", "href")
    assert len(links) > 20
    assert {link.removeprefix("#") for link in links} <= targets


def test_the_page_has_all_equations_figures_and_alternatives(page: Path, built: dict[str, Any]) -> None:
    parsed = Page(page.read_text(encoding="utf-8"))
    assert sum(attrs.get("class") == "equation" for _, attrs in parsed.tags) == len(EQUATIONS)
    assert f"({len(EQUATIONS)})" in parsed.text
    alternatives = parsed.attributes("img", "alt")
    assert len(alternatives) == len(built["figures"]) == FIGURES
    assert all(len(alternative) > 20 for alternative in alternatives)
    assert [f"Figure {number}:" in parsed.text for number in range(1, FIGURES + 1)] == [True] * FIGURES
    for label, equation in built["equations"].items():
        assert label in parsed.text
        assert equation["holds"]


def test_a_new_recipe_has_all_that_its_entry_asks_for(
    proofs: list[Proof], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = ReportEntry(title="the twin", caption="Its curves.", predictions=True, gradient_norms=True)
    plan = Plan([0], seconds=1)
    recipe = Recipe("twin", "", RECIPES["mlp-torch"].network, in_report=entry, plan=plan, small_plan=plan)
    monkeypatch.setitem(RECIPES, "twin", recipe)
    built = build(save_all(tmp_path / "runs"), proofs)
    parsed = Page(render.render(built, "html").decode())
    assert len(parsed.attributes("img", "alt")) == len(built["figures"]) == FIGURES + 3
    assert ": Its curves." in parsed.text
    assert "those of the twin (Figure" in parsed.text
    assert "; twin, 0.5 in linear1" in parsed.text


def test_figures_bear_the_assignments_numbers(page: Path) -> None:
    text = Page(page.read_text(encoding="utf-8")).text
    for number, start in (
        (1, "Accuracy during training: the NumPy network (left) and the PyTorch network (right)"),
        (2, "Loss during training"),
        (3, "Improvement 1"),
        (4, "Improvement 2"),
        (5, "Improvement 3"),
        (6, "Improvement 4"),
        (7, "Accuracy (left) and loss (right) of the ConvNet"),
        (8, "Accuracy (left) and loss (right) of the ConvNet, trained for accuracy"),
    ):
        assert f"Figure {number}: {start}" in text


def test_questions_are_headings(page: Path) -> None:
    text = Page(page.read_text(encoding="utf-8")).text
    for heading in (
        "1 MLP backprop", "1.1 Analytical", "1.1 a) ", "1.1 b) ", "1.1 c) ", "1.2 NumPy", "2 PyTorch MLP",
        "3 Custom module", "3.1 Automatic", "3.2 Manual", "3.2 a) ", "3.2 b) ", "3.2 c) ", "4 PyTorch CNN",
    ):  # fmt: skip
        assert text.count(heading) >= 2, heading  # in the contents, and where it stands


def test_numbers_on_the_page_are_the_records(page: Path) -> None:
    text = Page(page.read_text(encoding="utf-8")).text
    assert "an accuracy of 0.535 ± 0.007 on the test set (over 2 seeds)" in text
    assert "100 of 100 mistakes were caught, 100.0%" in text
    assert "0.8900" in text


def test_formulas_use_no_letter_that_the_font_lacks(page: Path) -> None:
    from fontTools.ttLib import TTFont

    known = TTFont(TEMPLATES / "math.woff").getBestCmap()
    formulas = re.findall(r"<math.*?</math>", page.read_text(encoding="utf-8"), re.DOTALL)
    letters = set("".join(Page(formula).text for formula in formulas)) - {" ", "\ufe00"}  # a variant's mark
    assert not {letter for letter in letters if ord(letter) not in known}


def test_the_pdf_is_written_beside_it(page: Path) -> None:
    pdf = (page.parent / render.PDF).read_bytes()
    assert pdf.startswith(b"%PDF")
    assert len(pdf) > 200_000


def test_what_typst_warns_of_is_an_error(built: dict[str, Any]) -> None:
    import typst

    with pytest.raises(typst.TypstError):
        render.render({**built, "equations": {}}, "pdf")


@pytest.mark.parametrize("width", [400, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser(page: Path, browser: Any, width: int, scheme: str) -> None:
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    complaints: list[str] = []
    requests: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(page.as_uri())
    assert complaints == []
    assert [url for url in requests if not url.startswith("data:")] == [page.as_uri()]
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    overflowing = """
        [...document.querySelectorAll("main *")].filter(element => {
            if (element.getBoundingClientRect().right <= innerWidth + 1) return false
            for (let outer = element; outer; outer = outer.parentElement)
                if (["auto", "scroll"].includes(getComputedStyle(outer).overflowX)) return false
            return true
        }).map(element => element.outerHTML.slice(0, 80))"""
    assert tab.evaluate(overflowing) == []
    visible = """selector => [...document.querySelectorAll(selector)].filter(element => {
            const box = element.getBoundingClientRect()
            return box.width > 20 && box.height > 5
        }).length"""
    assert tab.evaluate(visible, ".equation .line:first-child math") == len(EQUATIONS)
    assert tab.evaluate(visible, "figure img") == FIGURES
    assert tab.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 100)")
    assert tab.evaluate("document.fonts.check('20px \"Backproof Math\"')")
    page_color = tab.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", page_color)[:3])) / 3
    assert brightness > 240 if scheme == "light" else brightness < 40
    tab.close()
