"""The report in a terminal."""

import io
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from backproof.checker.check_report import CheckReport, Evidence
from backproof.checker.output import report_text, terminal
from backproof.checker.questions import CAUSES
from checker.output.reports import OTHERS, RIGHT, WRONG, report

CLI = Callable[..., tuple[int, str, str]]


def shown(made: CheckReport, encoding: str = "utf-8") -> str:
    return terminal.text(made, io.TextIOWrapper(io.BytesIO(), encoding))


def block(text: str, start: str) -> list[str]:
    return text.partition(start)[2].partition("\n\n")[0].splitlines()


@pytest.mark.usefixtures("found")
def test_points_by_question_come_first(cli: CLI) -> None:
    code, out, err = cli("check", "hand-in")
    assert (code, err) == (1, "")
    lines = [line.split() for line in out.splitlines()]
    assert lines[1][:6] == ["1.2", "NumPy", "MLP", "1", "of", "1.5"]
    assert lines[1][-5:] == ["1", "of", "2", "checks", "right"]
    assert lines[2][0] == "3.1"
    assert lines[2][-5:] == ["0", "of", "4", "checks", "right"]
    assert out.splitlines()[-1] == "1 of 5.5 points, 1 of 6 checks right"
    assert "bubblewrap, no network" in out
    assert "modules.py abababab" in out


def test_what_is_wrong_has_all_that_helps() -> None:
    assert block(shown(report(RIGHT, WRONG)), "WRONG  1.2/linear.db  the bias's gradient\n") == [
        f"cause          missing 1/B: {CAUSES['missing 1/B'].meaning}",
        "explanation    grads['bias'] is 3 times too large.",
        "note           It is float64.",
        "where          grads['bias'] at index [2]",
        "expected       0.28125",
        "got            0.84375",
        "off by         2.0e+00 (relative error)",
        "smallest case  x 3×2, b 4, dout 3×4",
        "run it again   backproof check hand-in --only 1.2/linear.db --seed 7",
    ]


def test_what_is_right_is_short_and_comes_last() -> None:
    out = shown(report(RIGHT, WRONG))
    assert out.index("WRONG") < out.index("right          1.2/linear.y\n")
    assert "right          1.2/linear.y\n" in out
    assert "fine" not in out
    assert block(out, "costs no points\n") == ["1.2/linear.y   It takes its time."]


def test_a_command_stays_in_one_line() -> None:
    command = f"backproof check {'long/' * 60} --only 2"
    assert command in shown(report(msgspec.structs.replace(WRONG, rerun=command)))


def test_nothing_steers_the_terminal(cli: CLI, found: dict[str, Any]) -> None:
    found["report"] = report(RIGHT, *OTHERS, folder="\x1b]0;title\x07")
    _, out, _ = cli("check", "hand-in")
    assert all(character.isprintable() or character == "\n" for character in out)
    assert "\\x1b[2Jgone \\x9b2J\\u202e" in out
    assert "CRASHED  3.1/crashed" in out
    assert "NOT IMPLEMENTED  3.1/not implemented" in out


def test_brackets_are_no_markup() -> None:
    odd = msgspec.structs.replace(WRONG, title="[red]a[/red] [/] :smile:", explanation="b[0] [bold]c")
    out = shown(report(odd))
    assert "[red]a[/red] [/] :smile:" in out
    assert "b[0] [bold]c" in out


def test_an_output_that_lacks_letters() -> None:
    assert "━" in shown(report(RIGHT))
    assert "━" not in shown(report(RIGHT), "ascii")
    assert "x 3x2, b 4, dout 3x4" in shown(report(WRONG), "ascii")


def test_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "_WIDTH", 60)
    out = shown(report(RIGHT, *OTHERS))
    assert "━" not in out
    assert "1 of 1  1 of 1 checks right" in out


def test_what_is_said_alike_is_said_once() -> None:
    crashed = [
        msgspec.structs.replace(OTHERS[0], id=f"{question}/{name}", question=question)
        for question, name in (("3.1", "y"), ("3.1", "dx"), ("4", "y"))
    ]
    named = msgspec.structs.replace(WRONG, id="3.1/ε", question="3.1")
    unknown = msgspec.structs.replace(named, id="3.1/odd", cause="wrong gradient", explanation="")
    last = msgspec.structs.replace(OTHERS[3], question="4")
    groups = report_text.group_by_explanation(
        [crashed[0], unknown, crashed[1], named, OTHERS[3], crashed[2], last]
    )
    assert [[finding.id for finding in group] for group in groups] == [
        ["3.1/ε"],
        ["3.1/y", "3.1/dx"],
        ["3.1/odd"],
        ["3.1/not run", "3.1/not run"],
        ["4/y"],
    ]
    out = shown(report(*crashed))
    assert "CRASHED  3.1/y and 1 more\n" in out
    assert "as well        3.1/dx\n" in out


def values(evidence: Evidence) -> dict[str, str]:
    details = dict(report_text.details(msgspec.structs.replace(WRONG, evidence=evidence)))
    return {name: details[name] for name in ("expected", "got") if name in details}


def test_what_was_expected_and_found_can_be_told_apart() -> None:
    near = Evidence(parameter="dx", expected=1.0, got=1.0 + 1e-10)
    assert values(near) == {"expected": "1.0", "got": "1.0000000001"}
    assert values(Evidence(parameter="dx", expected=1 / 3, got="nan")) == {
        "expected": "0.33333333",
        "got": "nan",
    }
    assert values(Evidence(parameter="net", got="none")) == {"got": "none"}


def test_evidence_says_no_more_than_it_knows() -> None:
    bare = msgspec.structs.replace(WRONG, evidence=Evidence(parameter="the output", shapes={"a": []}))
    details = dict(report_text.details(bare))
    assert "where" not in details
    assert details["smallest case"] == "a scalar"


def test_points_are_sixteenths() -> None:
    assert [report_text.format_points(number) for number in (0.125, 12.5, 15.0)] == ["0.125", "12.5", "15"]
