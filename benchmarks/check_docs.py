"""Write the causes, and the numbers of checks and points, into docs/howto/check.md."""

import re
from pathlib import Path

from backproof.checker.questions import CAUSES, CHECKS, QUESTIONS

PAGE = Path(__file__).parents[1] / "docs" / "howto" / "check.md"


def with_causes(page: str) -> str:
    """Return the page with a row for each cause in its table of them."""
    head = "| cause | means |\n|---|---|\n"
    before, _, rest = page.partition(head)
    rows = "\n".join(f"| {cause.name} | {cause.meaning} |" for cause in CAUSES.values())
    return before + head + rows + rest[rest.index("\n\n") :]


def with_counts(page: str) -> str:
    """Return the page whose example has the numbers of today; as many checks as before are not right."""
    for number, question in QUESTIONS.items():
        checks = sum(check.question == number for check in CHECKS)
        page = _counted(page, rf"^{re.escape(number)} +{question.title}", question.points, checks)
    return _counted(page, "^", sum(question.points for question in QUESTIONS.values()), len(CHECKS))


def _counted(page: str, start: str, points: float, checks: int) -> str:
    """Put numbers into the line that begins with ``start`` and ends with those of points and checks."""
    line = re.compile(rf"({start} *[\d.]+) of [\d.]+(\D*?)(\d+) of (\d+) checks right$", re.MULTILINE)

    def counted(match: re.Match[str]) -> str:
        right = checks - (int(match[4]) - int(match[3]))
        return f"{match[1]} of {points:g}{match[2]}{right} of {checks} checks right"

    return line.sub(counted, page, count=1)


if __name__ == "__main__":
    PAGE.write_text(with_counts(with_causes(PAGE.read_text("utf-8"))), "utf-8")
