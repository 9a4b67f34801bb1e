"""Comparing modifications: on a validation set, resumable, and never on the test set."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backproof.errors import ConfigError
from backproof.training import checkpoint, model_selection, record, run
from backproof.training.recipes import find_recipe
from py2_batches import write_folder

pytestmark = pytest.mark.slow

Cli = Callable[..., tuple[int, str, str]]
MLP = find_recipe("mlp-torch")
BASE = (
    "choose", "mlp-numpy", "--data", "digits", "--validation-size", 100, "--steps", 4, "--eval-every", 2,
    "--batch-size", 20, "--out", "all",
)  # fmt: skip


def test_candidates_are_the_recipe_and_its_modifications() -> None:
    made = model_selection.candidates(
        MLP, ["weight_decay=1e-3", "optimizer=adamw  compile=true hidden=20,10"], {"data": "digits"}
    )
    assert [each.name for each in made] == [
        "unmodified", "weight_decay=1e-3", "optimizer=adamw compile=true hidden=20,10",
    ]  # fmt: skip
    plain, decayed, other = (each.settings for each in made)
    assert plain == MLP.configure({"data": "digits", "validation_size": 143})
    assert decayed.weight_decay == 1e-3
    assert (other.optimizer, other.compile, other.hidden) == ("adamw", True, (20, 10))
    assert {each.settings.evaluation_split_name for each in made} == {"validation"}


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
        ("seed=1", {"validation_size": 0}, "compared on a validation set: validation_size must be 1 or more"),
        ("", {}, "a modification is empty"),
    ],
)
def test_what_cannot_be_compared(modification: str, base: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        model_selection.candidates(MLP, [modification], base)
    assert message in str(caught.value)


def test_the_same_twice() -> None:
    with pytest.raises(ConfigError, match="'weight_decay=1e-3' is the same as 'weight_decay"):
        model_selection.candidates(MLP, ["weight_decay=0.001", " weight_decay=1e-3"], {})
    with pytest.raises(ConfigError, match="'seed=42' is the same as 'unmodified'"):
        model_selection.candidates(MLP, ["seed=42"], {})
    with pytest.raises(ConfigError, match="has seed twice"):
        model_selection.candidates(MLP, ["seed=1 seed=2"], {})


def test_folders_of_long_modifications_have_short_names_of_their_own() -> None:
    made = model_selection.candidates(MLP, [f"hidden={'1,' * 200}{n}" for n in (1, 2)], {})
    names = {model_selection.folder_name(candidate) for candidate in made}
    assert len(names) == 3
    assert max(map(len, names)) < 120


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


def test_data_may_be_named_from_the_folder_where_one_is(cli: Cli, rng: np.random.Generator) -> None:
    write_folder(Path("small"), rng)
    arguments = (
        "choose", "mlp-numpy", "--data-dir", "small", "--validation-size", 20, "--steps", 2,
        "--batch-size", 10, "--out", "all", "--try", "seed=1",
    )  # fmt: skip
    assert cli(*arguments)[::2] == (0, "")
    assert cli(*arguments)[::2] == (0, "")


def test_a_candidate_that_diverges_is_listed_and_the_others_are_trained(cli: Cli) -> None:
    for _ in range(2):
        code, out, error = cli(*BASE, "--try", "learning_rate=1e30", "--try", "seed=2")
        assert (code, error) == (0, "")
        table = out.partition("modification")[2]
        assert "learning_rate=1e30  diverged" in table
        assert {"unmodified", "seed=2"} <= {line.split(" ")[0] for line in table.splitlines()}


def test_a_cut_run_of_other_settings_is_not_trained_on(cli: Cli) -> None:
    recipe = find_recipe("mlp-numpy")
    run.start(recipe, recipe.configure({"data": "digits", "validation_size": 50}), Path("all/unmodified"))
    code, _, error = cli(*BASE, "--try", "seed=1")
    assert code == 2
    assert "all/unmodified is a run of other settings" in error
    assert checkpoint.read(Path("all/unmodified")).progress.step == 0


def test_a_folder_of_other_settings_is_not_mixed_in(cli: Cli) -> None:
    cli(*BASE, "--try", "seed=1")
    code, _, error = cli(*BASE, "--steps", 5, "--try", "seed=1")
    assert code == 2
    assert error.startswith("backproof: all/unmodified is a run of other settings; choose another --out")


def test_a_modified_recipe_evaluation_split_name_the_test_set_says_so(cli: Cli) -> None:
    arguments = ("train", "mlp-numpy", "--data", "digits", "--batch-size", 20, "--steps", 2)
    _, out, _ = cli(*arguments, "--learning-rate", 0.1, "--out", "modified")
    assert "note      modified (batch_size, learning_rate, steps) and evaluated on the test set" in out
    assert "backproof choose" in out
    _, out, _ = cli(*arguments, "--learning-rate", 0.1, "--validation-size", 100, "--out", "validated")
    assert "evaluated on the test set" not in out
