"""The report for programs, and what --hints leaves out of every form of it."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from backproof.checker.check_report import CheckReport, Evidence
from backproof.checker.output.report_filters import NO_HINT
from backproof.cli.main import main
from checker.catalogue import changed, write
from checker.output.reports import OTHERS, RIGHT, WRONG, report

CLI = Callable[..., tuple[int, str, str]]
SCHEMA = Path(__file__).parents[3] / "docs" / "howto" / "check-schema.json"


def valid(text: str) -> Any:
    """Read a report as any JSON reader would, and hold it to the published schema."""
    read = json.loads(text, parse_constant=pytest.fail)
    jsonschema.validate(read, json.loads(SCHEMA.read_text("utf-8")))
    return read


def test_the_published_schema_is_the_code_s() -> None:
    assert json.loads(SCHEMA.read_text("utf-8")) == msgspec.json.schema(CheckReport)


def test_json_is_alone_and_holds_everything(cli: CLI, found: dict[str, Any]) -> None:
    found["report"] = report(RIGHT, WRONG)
    code, out, err = cli("check", "hand-in", "--json")
    assert (code, err) == (1, "")
    assert msgspec.convert(valid(out), CheckReport) == found["report"]


def test_a_real_report_keeps_to_the_schema(cli: CLI) -> None:
    write(changed("lists", []), Path("hand-in"))
    code, out, _ = cli("check", "hand-in", "--only", "1.2/linear.db", "--json")
    assert code == 0
    assert valid(out)["findings"][0]["verdict"] == "right"


def test_json_needs_no_letters_that_the_output_lacks(
    found: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found["report"] = report(msgspec.structs.replace(WRONG, explanation="γ is 1×1 😀"))
    output = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr("sys.stdout", output)
    main(["check", "hand-in", "--json"])
    output.seek(0)
    assert valid(output.read())["findings"][0]["explanation"] == "γ is 1×1 😀"


def test_what_json_cannot_say(cli: CLI, found: dict[str, Any]) -> None:
    evidence = Evidence(parameter="dx", expected=float("nan"), inputs={"x": [float("inf")]})
    broken = msgspec.structs.replace(WRONG, evidence=evidence, explanation="\udc80\x1b\x9b", cause="")
    found["report"] = report(broken)
    _, out, _ = cli("check", "hand-in", "--json")
    assert valid(out)["findings"][0]["explanation"] == "\\udc80\\x1b\\x9b"
    assert out.rstrip("\n").isprintable()


@pytest.mark.parametrize("flags", [["--html", "page.html"], ["--json"], []])
def test_hints_give_nothing_away(cli: CLI, found: dict[str, Any], flags: list[str]) -> None:
    found["report"] = report(
        msgspec.structs.replace(RIGHT, evidence=WRONG.evidence, cause=WRONG.cause), WRONG, *OTHERS
    )
    _, out, _ = cli("check", "hand-in", "--hints", *flags)
    written = out + (Path("page.html").read_text("utf-8") if "--html" in flags else "")
    assert "Count your samples." in written
    assert NO_HINT in written
    assert "--only 1.2/linear.db --seed 7 --hints" in written
    for secret in (
        "0.28125",
        "0.84375",
        "3×2",
        "6.875",
        "missing 1/B",
        "too large",
        "gone",
        "float64",
        "evid",
    ):
        assert secret not in written
    if "--json" in flags:
        valid(out)
