"""Made-up reports, with everything in them that a reader could see."""

from backproof.checker.check_report import CheckReport, Evidence, Finding, RanFile

WRONG = Finding(
    id="1.2/linear.db", question="1.2", title="the bias's gradient", verdict="wrong", points=0.5,
    cause="missing 1/B", explanation="grads['bias'] is 3 times too large.", hint="Count your samples.",
    note="It is float64.", rerun="backproof check hand-in --only 1.2/linear.db --seed 7",
    evidence=Evidence(
        parameter="grads['bias']", index=[2], expected=0.28125, got=0.84375, relative_error=2.0,
        shapes={"x": [3, 2], "b": [4], "dout": [3, 4]},
        inputs={"x": [[6.875, 2.5]] * 3, "b": [0.5, 1.5, 7.25, 2.5], "dout": [[1.0, 0.0, 0.0, 0.0]] * 3},
    ),
)  # fmt: skip
RIGHT = Finding(
    id="1.2/linear.y", question="1.2", title="the output", verdict="right", points=1.0, explanation="fine",
    note="It takes its time.", rerun="backproof check hand-in --only 1.2/linear.y --seed 7",
)  # fmt: skip
OTHERS = [
    Finding(
        id=f"3.1/{verdict}", question="3.1", title="<script>alert(1)</script>", verdict=verdict, points=1.0,
        explanation="\x1b[2Jgone \x9b2J\u202e <b>", rerun=f"backproof check hand-in --only '3.1/{verdict}'",
    )
    for verdict in ("crashed", "not implemented", "too slow", "not run")
]  # fmt: skip


def report(*findings: Finding, folder: str = "hand-in") -> CheckReport:
    return CheckReport(
        folder=folder, findings=list(findings), files=[RanFile("modules.py", "ab" * 32, "submission")],
        isolation="bubblewrap, no network", versions={"numpy": "2"}, seconds=1.25, seed=7,
    )  # fmt: skip
