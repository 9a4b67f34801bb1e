"""Search spaces: what they offer a trial, and what is refused."""

from pathlib import Path
from typing import Any

import optuna
import pytest

from backproof.errors import ConfigError
from backproof.training.recipes import RECIPES, find_recipe
from backproof.training.search import space

MLP = find_recipe("mlp-torch")
SPACES = Path(space.__file__).parent.parent / "search_spaces"


def read(*entries: str, fixed: dict[str, Any] | None = None) -> space.SearchSpace:
    return space.read(MLP, fixed or {}, entries=entries)


@pytest.mark.parametrize("name", sorted(path.stem for path in SPACES.glob("*.toml")))
def test_every_recipes_own_space_can_be_read(name: str) -> None:
    assert space.read(RECIPES[name], {}).entries


def test_lists_are_all_combinations() -> None:
    finite = read(
        'decay=[{weight_decay=1e-3, optimizer="adamw"}, {weight_decay=0.0}]', 'hidden=["", [20, 10]]'
    )
    combinations = finite.combinations()
    assert combinations is not None
    assert [finite.settings(each) for each in combinations] == [
        {"weight_decay": 1e-3, "optimizer": "adamw", "hidden": ""},
        {"weight_decay": 1e-3, "optimizer": "adamw", "hidden": [20, 10]},
        {"weight_decay": 0.0, "hidden": ""},
        {"weight_decay": 0.0, "hidden": [20, 10]},
    ]
    assert combinations[1] == {"decay": "weight_decay=0.001 optimizer=adamw", "hidden": "20,10"}


def test_intervals_give_numbers_of_their_kind_within_their_bounds() -> None:
    endless = read(
        "batch_size={log=[10, 200]}", "dropout={range=[0.1234, 0.1239]}", "learning_rate={log=[1e-4, 1e-1]}"
    )
    assert endless.combinations() is None
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    drawn = [endless.settings(endless.suggest(study.ask())) for _ in range(50)]
    assert all(type(each["batch_size"]) is int and 10 <= each["batch_size"] <= 200 for each in drawn)
    assert all(0.1234 <= each["dropout"] <= 0.1239 for each in drawn)
    rates = sorted(each["learning_rate"] for each in drawn)
    assert all(float(f"{rate:.3g}") == rate for rate in rates)
    assert rates[20] < 1e-2 < rates[-1]  # as many in each decade
    for each in drawn:
        MLP.configure(each)


def test_the_recipe_as_it_is() -> None:
    """With mlp-torch's optimizer sgd, learning rate 2e-3, and hidden 100."""
    entries = "learning_rate={log=[1e-4, 1e-1]}", 'hidden=["200", "100"]', 'kind=[{optimizer="sgd"}]'
    assert read(*entries).unmodified(MLP, {}) == {
        "learning_rate": 2e-3, "hidden": "100", "kind": "optimizer=sgd",
    }  # fmt: skip
    assert read("learning_rate={log=[1e-2, 1e-1]}").unmodified(MLP, {}) is None
    assert read("learning_rate=[1e-2, 1e-1]").unmodified(MLP, {}) is None


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("lerning_rate=[1]", "--vary: unknown setting 'lerning_rate'; did you mean 'learning_rate'?"),
        ("decay=[{wait_decay=1}]", "unknown setting 'wait_decay'; did you mean 'weight_decay'?"),
        ("decay=[{weight_decay=0.1}, 3]", "decay has tables of settings: 3 is none"),
        ("optimizer=[{weight_decay=0.1}]", "optimizer is a setting's name; a list of tables needs a name"),
        ("weight_decay=[-1.0]", "weight_decay must be a finite number, 0 or more, not -1.0"),
        ("weight_decay={range=[0, inf]}", "weight_decay must be a finite number, 0 or more, not inf"),
        ('optimizer=["adam", "adma"]', "optimizer must be one of sgd, adam, adamw, not 'adma'"),
        ("weight_decay=[]", "weight_decay is an empty list; name its values"),
        ("weight_decay=[0, 0.0]", "weight_decay has 0.0 twice"),
        ("weight_decay={log=[0, 1]}", "a logarithmic range begins above 0, not at 0"),
        ("weight_decay={range=[1, 0]}", "has to go from a smaller number to a larger, not 1 to 0"),
        ("weight_decay={range=[1, 0], log=true}", "must be a list of values, {range = [low, high]} or"),
        ("weight_decay={uniform=[0, 1]}", "must be a list of values, {range = [low, high]} or"),
        ("weight_decay={range=[0, 1, 2]}", "must be a list of values, {range = [low, high]} or"),
        ("weight_decay=0.1", "must be a list of values, {range = [low, high]} or"),
        ("hidden={range=[1, 2]}", "hidden is no number, so it has no range; list its values"),
        ('optimizer={range=[1, 2]}', "optimizer is no number, so it has no range; list its values"),
        ("batch_size={range=[10.5, 20]}", "setting batch_size: expected `int`, got `float`"),
        ("seed=[1, 2]", "seed has to be the same for all trials: give --seed instead"),
        ('data=["digits"]', "data has to be the same for all trials: give --data instead"),
        ("validation_size=[0]", "validation_size has to be the same for all trials"),
        ('device=["cpu"]', "device has to be the same for all trials: give --device instead"),
        ("weight_decay", "--vary 'weight_decay' is not NAME=VALUES as TOML has it"),
        ("", "--vary: the search space is empty; name a setting"),
        ("steps=[10]", "steps is a fixed setting, too, by its flag or --fast; leave one out"),
        ("a=[{dropout=0.1}]\nb=[{dropout=0.2}]", "dropout is in a and in b; leave one out"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched(entry: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(entry, fixed={"steps": 20})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_plays_no_part_in_the_recipe() -> None:
    with pytest.raises(ConfigError, match="recipe mlp-numpy has no setting 'precision': leave it out"):
        space.read(find_recipe("mlp-numpy"), {}, entries=['precision=["bf16"]'])
    with pytest.raises(ConfigError, match="weight_decay is there twice; put all of its values into one"):
        read("weight_decay=[0.1]", "weight_decay=[0.2]")


def test_files(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text("\ufeffdropout = [0.1, 0.2]\n", encoding="utf-8")
    assert len(space.read(MLP, {}, good).combinations() or []) == 2
    bad.write_text("dropout = [0.1,\n")
    with pytest.raises(ConfigError, match=r"search space .*bad\.toml: "):
        space.read(MLP, {}, bad)
    with pytest.raises(ConfigError, match=r"cannot read the search space .*no\.toml: No such file"):
        space.read(MLP, {}, tmp_path / "no.toml")
    with pytest.raises(ConfigError, match=r"by --space or by --vary, not by both"):
        space.read(MLP, {}, good, ["dropout=[0.1]"])
    with pytest.raises(ConfigError, match=r"convnet-numpy has no search space of its own, as .*mlp-torch"):
        space.read(find_recipe("convnet-numpy"), {})
