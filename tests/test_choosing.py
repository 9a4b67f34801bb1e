"""Comparing modifications: on images set aside, resumable, and never on the test set."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backproof import choosing, record
from backproof.errors import ConfigError
from backproof.recipes import find_recipe

Cli = Callable[..., tuple[int, str, str]]
MLP = find_recipe("mlp-torch")
BASE = (
    "choose", "mlp-numpy", "--data", "digits", "--validation-size", 100, "--steps", 4, "--eval-every", 2,
    "--batch-size", 20, "--out", "all",
)  # fmt: skip


def test_candidates_are_the_recipe_and_its_modifications() -> None:
    made = choosing.candidates(
        MLP, ["weight_decay=1e-3", "optimizer=adamw  compile=true hidden=20,10"], {"data": "digits"}
    )
    assert [each.name for each in made] == [
        "unmodified", "weight_decay=1e-3", "optimizer=adamw compile=true hidden=20,10",
    ]  # fmt: skip
    plain, decayed, other = (each.settings for each in made)
    assert plain == MLP.configure({"data": "digits", "validation_size": choosing.VALIDATION_SIZE})
    assert decayed.weight_decay == 1e-3
    assert (other.optimizer, other.compile, other.hidden) == ("adamw", True, (20, 10))
    assert {each.settings.judged_on for each in made} == {"validation"}


@pytest.mark.parametrize(
    ("modification", "base", "message"),
    [
        (
            "weight_decay",
            {},
            "a modification is NAME=VALUE, or several with spaces between, not 'weight_decay'",
        ),
        ("weight_decay=much", {}, "setting weight_decay: expected `float`, got `str`"),
        ("weight_dekay=1", {}, "unknown setting 'weight_dekay'; did you mean 'weight_decay'?"),
        ("weight_decay='1", {}, "cannot read the modification"),
        ("validation_size=0", {}, "validation_size has to be the same for all that are compared"),
        ("data=digits", {}, "data has to be the same for all that are compared"),
        ("seed=1", {"validation_size": 0}, "compared on images set aside: validation_size must be 1 or more"),
        ("", {}, "a modification is empty"),
    ],
)
def test_what_cannot_be_compared(modification: str, base: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        choosing.candidates(MLP, [modification], base)
    assert message in str(caught.value)


def test_the_same_twice() -> None:
    with pytest.raises(ConfigError, match="the same modification is given twice"):
        choosing.candidates(MLP, ["seed=1", " seed=1"], {})


def test_choose_ranks_by_validation_accuracy_and_goes_on(cli: Cli) -> None:
    code, out, error = cli(*BASE, "--try", "learning_rate=0.1")
    assert (code, error) == (0, "")
    assert "test" not in out.rpartition("modification")[0].replace("test it once", "")
    assert sorted(path.name for path in Path("all").iterdir()) == ["learning_rate=0.1", "unmodified"]
    finals = {path.name: record.read(path).final for path in Path("all").iterdir()}
    assert all(final.keys() == {"validation_loss", "validation_accuracy"} for final in finals.values())
    first = Path("all/unmodified/record.json").stat().st_mtime_ns
    code, out, error = cli(*BASE, "--try", "learning_rate=0.1", "--try", "hidden='' seed=3")
    assert (code, error) == (0, "")
    assert Path("all/unmodified/record.json").stat().st_mtime_ns == first
    rows = [line.split("  ")[0] for line in out.partition("modification")[2].splitlines()[1:4]]
    assert set(rows) == {"unmodified", "learning_rate=0.1", "hidden='' seed=3"}
    accuracies = [float(line.split()[-3]) for line in out.partition("modification")[2].splitlines()[1:4]]
    assert accuracies == sorted(accuracies, reverse=True)


def test_a_folder_of_other_settings_is_not_mixed_in(cli: Cli) -> None:
    cli(*BASE, "--try", "seed=1")
    code, _, error = cli(*BASE, "--steps", 5, "--try", "seed=1")
    assert code == 2
    assert error.startswith("backproof: all/unmodified is a run of other settings; choose another --out")


def test_a_modified_recipe_judged_on_the_test_set_says_so(cli: Cli) -> None:
    arguments = ("train", "mlp-numpy", "--data", "digits", "--batch-size", 20, "--steps", 2)
    _, out, _ = cli(*arguments, "--learning-rate", 0.1, "--out", "modified")
    assert "note      modified (batch_size, learning_rate, steps) and judged on the test set" in out
    assert "backproof choose" in out
    _, out, _ = cli(*arguments, "--learning-rate", 0.1, "--validation-size", 100, "--out", "validated")
    assert "judged on the test set" not in out
