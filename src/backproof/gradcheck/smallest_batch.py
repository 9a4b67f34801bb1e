"""Look for the smallest batch that shows what is wrong, and write down how to see it again."""

import contextlib
from dataclasses import replace

from backproof.gradcheck.check_batch import check_batch
from backproof.gradcheck.layer_report import CauseName, LayerFinding, LayerReport
from backproof.gradcheck.layer_under_test import LayerUnderTest
from backproof.gradcheck.named_parameters import USUAL_GRADIENTS

_FEW_SAMPLES = 3
"""Batches of up to so many samples are tried."""


def with_smallest_batches(report: LayerReport, tested: LayerUnderTest, seed: int) -> LayerReport:
    """Return the report with every wrong finding replaced by that of the smallest batch that shows it."""
    wanted = {finding.kind for finding in report.findings if finding.is_wrong}
    smallest: dict[tuple[CauseName, str], LayerFinding] = {}
    for count in range(1, min(len(tested.x), _FEW_SAMPLES + 1)):
        if wanted <= smallest.keys():
            break
        targets = None if tested.targets is None else tested.targets[:count]
        few = replace(tested, x=tested.x[:count], targets=targets)
        rerun = _call(few, f"[:{count}]", seed)
        with contextlib.suppress(Exception):  # a layer may refuse a smaller batch in any way
            for finding in check_batch(few, seed).findings:
                smallest.setdefault(finding.kind, replace(finding, shape=few.x.shape, rerun=rerun))
    rerun = _call(tested, "", seed)
    return replace(
        report,
        findings=tuple(
            smallest[finding.kind]
            if finding.is_wrong and finding.kind in smallest
            else replace(finding, shape=tested.x.shape, rerun=rerun)
            for finding in report.findings
        ),
    )


def _call(tested: LayerUnderTest, part: str, seed: int) -> str:
    """Write the call that checks a part of the samples."""
    arguments = ["layer", f"x{part}", *([] if tested.targets is None else [f"targets{part}"])]
    given = {
        "gradients": (tested.gradients, USUAL_GRADIENTS),
        "forward": (tested.forward_name, "forward"),
        "backward": (tested.backward_name, "backward"),
        "seed": (seed, None),
    }
    arguments += [f"{name}={value!r}" for name, (value, usual) in given.items() if value != usual]
    return f"check_layer({', '.join(arguments)})"
