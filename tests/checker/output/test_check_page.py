"""The report as a page: its content, and how it opens in a browser."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest

from backproof.checker.check_report import CheckReport, Evidence
from backproof.checker.output.page import Matrix, matrices, page
from backproof.checker.output.report_filters import escape_control_characters
from checker.output.reports import OTHERS, RIGHT, WRONG, report

CLI = Callable[..., tuple[int, str, str]]


def everything() -> CheckReport:
    long = msgspec.structs.replace(WRONG, id="1.2/" + "x" * 200, explanation="y" * 500)
    wide = Evidence(
        parameter="the output", index=[1], shapes={"x": [20, 30]}, inputs={"x": [[-1.23456789] * 30] * 20}
    )
    return report(
        RIGHT,
        WRONG,
        long,
        msgspec.structs.replace(WRONG, id="1.2/wide", explanation="", evidence=wide),
        *OTHERS,
    )


@pytest.mark.usefixtures("found")
def test_the_page_is_written_beside_the_table_or_the_json(cli: CLI) -> None:
    code, out, _ = cli("check", "hand-in", "--html", "page.html")
    assert code == 1
    assert out.endswith("page: page.html\n")
    first = Path("page.html").read_text("utf-8")
    assert cli("check", "hand-in", "--html", "page.html", "--json")[1].startswith("{")
    assert Path("page.html").read_text("utf-8") == first
    assert [path.name for path in Path().iterdir() if path.is_file()] == ["page.html"]


def test_it_says_all_that_helps() -> None:
    text = page(report(RIGHT, WRONG))
    for said in (
        "1 of 1.5 points",
        "1 of 2 checks right",
        "grads[&#39;bias&#39;] at index [2]",
        "0.84375",
        "backproof check hand-in --only 1.2/linear.db --seed 7",
        "It takes its time.",
        "It is float64.",
        "ab" * 32,
    ):
        assert said in text
    assert re.findall(r'class="marked">([^<]*)<', text) == ["7.25"]


def test_nothing_in_it_is_markup_or_steers_a_terminal() -> None:
    text = page(escape_control_characters(report(*OTHERS, folder="</title><script>x")))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert all(character.isprintable() or character == "\n" for character in text)


def test_it_asks_for_nothing() -> None:
    text = page(everything())
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|url\(|@import|<link|<img", text)


def marks(matrix: Matrix) -> list[tuple[int, int]]:
    return [(i, j) for i, row in enumerate(matrix.rows) for j, cell in enumerate(row) if cell.marked]


@pytest.mark.parametrize(
    ("parameter", "index", "name", "place"),
    [
        ("grads['weight']", [1, 0], "W", [(1, 0)]),
        ("the returned dx", [2, 1], "x", [(2, 1)]),
        ("gradient of gamma", [0], "gamma", [(0, 0)]),
        ("the returned y", [1, 1], "", []),
        ("the returned dx", [], "", []),
    ],
)
def test_the_entry_is_marked(
    parameter: str, index: list[int], name: str, place: list[tuple[int, int]]
) -> None:
    inputs = {"x": [[1.0, 2.0]] * 3, "W": [[1.0, 2.0]] * 2, "gamma": [3.0], "a": 0.5}
    found = {
        matrix.name: marks(matrix)
        for matrix in matrices(Evidence(parameter=parameter, index=index, inputs=inputs))
    }
    assert {each: at for each, at in found.items() if at} == ({name: place} if place else {})


def test_images_and_large_inputs_are_cut() -> None:
    inputs = {"image": [[[[1.0] * 4] * 4] * 3], "x": [[1.0] * 30] * 20, "a": 0.5}
    image, x, a = matrices(Evidence(parameter="the output", inputs=inputs))
    assert (image.rows, image.rest) == ([], "1×3×4×4")
    assert (len(x.rows), len(x.rows[0]), x.rest) == (12, 8, "20×30")
    assert (a.rows, a.rest) == ([[("0.5", False)]], "")


def test_every_link_leads_somewhere() -> None:
    alike = msgspec.structs.replace(WRONG, id="1.2/alike")
    text = page(report(RIGHT, WRONG, alike, *OTHERS))
    links = {unquote(link) for link in re.findall(r'href="#([^"]*)"', text)}
    assert len(links) == 2 + 6  # the questions, and what is not right
    assert links <= set(re.findall(r'id="([^"]*)"', text))


def test_what_the_matrices_show_is_not_said_again() -> None:
    assert "smallest case" not in page(report(WRONG))
    alone = msgspec.structs.replace(WRONG, evidence=Evidence(parameter="dx", shapes={"x": [3, 2]}))
    assert "smallest case" in page(report(alone))


@pytest.mark.slow
@pytest.mark.parametrize("width", [400, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_in_a_browser(browser: Any, tmp_path: Path, width: int, scheme: str) -> None:
    path = tmp_path / "page.html"
    path.write_text(page(everything()), "utf-8")
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    messages: list[str] = []
    requests: list[str] = []
    tab.on("console", lambda message: messages.append(message.text))
    tab.on("pageerror", lambda error: messages.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(path.as_uri())
    for summary in tab.locator("summary").all():
        summary.click()
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    assert tab.locator("article").count() == 8
    bars = tab.locator(".bar").all()
    assert [bar.locator("i").evaluate("bar => bar.offsetWidth") > 0 for bar in bars] == [True, False]
    light = [
        sum(map(int, re.findall(r"\d+", tab.evaluate(f"getComputedStyle(document.documentElement).{name}"))))
        for name in ("color", "backgroundColor")
    ]
    assert (light[0] < light[1]) == (scheme == "light")
    assert messages == []
    assert requests == [path.as_uri()]
    tab.close()
