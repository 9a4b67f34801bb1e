"""A report for a terminal: points by question, all about what isn't right, the rest in short."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from backproof.checker.check_report import CheckReport, Finding
from backproof.checker.output import report_text

_WIDTH = 110
"""Where the output is no terminal, which has a width of its own."""
_WIDTH_WITH_BARS = 80


def text(report: CheckReport, output: TextIO) -> str:
    """Return the text of a report without control characters, in colours and letters that the output has."""
    width = None if output.isatty() else _WIDTH
    console = Console(file=output, width=width, highlight=False, markup=False, emoji=False)
    wrong = [finding for finding in report.findings if finding.verdict != "right"]
    notes = [
        (finding.id, finding.note)
        for finding in report.findings
        if finding.note and finding.verdict == "right"
    ]
    questions = report_text.by_question(report.findings)
    with console.capture() as captured:
        console.print(_points(questions, with_bars=console.width >= _WIDTH_WITH_BARS))
        for group in report_text.group_by_explanation(wrong):
            _explain(console, group)
        if right := list(_right(questions)):
            console.print("", _labelled(right), sep="\n")
        if notes:
            console.print("\nworth knowing, though it costs no points")
            console.print(_labelled(notes))
        console.print("")
        console.print(
            _labelled(
                [*_files(report), ("run", report_text.run_summary(report)), ("isolation", report.isolation)]
            )
        )
        console.print(Text(report_text.summary(report), style="bold green" if report.ok else "bold red"))
    written = "\n".join(line.rstrip() for line in captured.get().splitlines())
    return written.replace("×", "x") if console.options.ascii_only else written


def _points(questions: dict[str, list[Finding]], *, with_bars: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("question")
    table.add_column()
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for question, findings in questions.items():
        won, worth = report_text.points(findings)
        bar = ProgressBar(
            total=worth, completed=won, width=20, complete_style="green", finished_style="green"
        )
        how = [bar, report_text.count_right(findings)] if with_bars else [report_text.count_right(findings)]
        table.add_row(question, report_text.title(question), report_text.score(findings), *how)
    return table


def _right(questions: dict[str, list[Finding]]) -> Iterator[tuple[str, str]]:
    """Yield the ids of the checks that were right, a row for each question."""
    label = "right"
    for findings in questions.values():
        if names := "  ".join(finding.id for finding in findings if finding.verdict == "right"):
            yield label, names
            label = ""


def _labelled(rows: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", min_width=13)
    table.add_column(overflow="fold")
    for label, content in rows:
        table.add_row(label, content)
    return table


def _files(report: CheckReport) -> Iterator[tuple[str, str]]:
    """Yield the files that ran, by whose they are."""
    for origin in ("submission", "reference"):
        ran = [f"{file.path} {file.sha256[:8]}" for file in report.files if file.origin == origin]
        if ran:
            yield f"{origin}'s files", ", ".join(ran)


def _explain(console: Console, group: Sequence[Finding]) -> None:
    """Explain checks that are not right for the same reason, mostly a single one."""
    first, *others = group
    title = f"{first.id}  {first.title}" if not others else f"{first.id} and {len(others)} more"
    console.print(Text(f"\n{first.verdict.upper()}  {title}", style="bold red"))
    console.print(_labelled(report_text.details(first)))
    if others and first.verdict != "not run":
        console.print(_labelled([("as well", "  ".join(finding.id for finding in others))]))
    console.print(f"{'run it again':15}{first.rerun}", soft_wrap=True)  # to be copied: in one line
