"""Settings: what they default to, what goes over what, and what is said of wrong ones."""

from dataclasses import fields
from pathlib import Path

import pytest

from backproof.errors import ConfigError
from backproof.numpy_nn import optimizers as numpy_optimizers
from backproof.training.config import TrainConfig, build, choices, parse_sizes, setting_names
from backproof.training.optimizers import OPTIMIZERS, OptimizerInfo, optimizer_names
from backproof.training.recipe import Recipe
from backproof.training.recipes import (
    RECIPES,
    best,
    course,
    course_report,
    find_recipe,
    improvements,
)
from backproof.training.setting import Role
from backproof.training.settings_file import read_settings


def test_defaults_are_the_assignments() -> None:
    config = build(find_recipe("mlp-numpy").settings)
    assert (config.hidden, config.negative_slope, config.learning_rate) == ((100,), 0.02, 2e-3)
    assert (config.steps, config.batch_size, config.eval_every, config.seed) == (1500, 200, 100, 42)
    assert config.evaluation_split_name == "test"


def test_later_layers_win() -> None:
    config = build({"steps": 1, "seed": 1, "batch_size": 1}, {"steps": 2, "seed": 2}, {"steps": 3})
    assert (config.steps, config.seed, config.batch_size) == (3, 2, 1)


def test_another_data_set_leaves_the_place_of_the_first_behind() -> None:
    assert build({"data": "cifar10", "data_dir": "there"}, {"data": "digits"}).data_dir is None
    assert build({"data_dir": "there"}, {"steps": 3}).data_dir == "there"
    assert build({"data": "digits"}, {"data": "cifar10", "data_dir": "there"}).data_dir == "there"


def test_steps_asked_for_are_those_trained_whatever_epochs_came_before() -> None:
    assert build({"epochs": 2.0}, {"steps": 3}).n_steps(50_000) == 3
    assert build({"steps": 3}, {"epochs": 2.0}).n_steps(50_000) == 500
    assert build({"epochs": 2.0}, {"steps": 3, "epochs": 1.0}).n_steps(50_000) == 250
    assert find_recipe("mlp-best").configure({"steps": 3}).n_steps(50_000) == 3


def test_a_config_comes_back_from_its_own_dict() -> None:
    config = build({"hidden": [7, 5], "learning_rate": 0.1, "validation_size": 3})
    assert build(config.as_dict()) == config
    assert config.evaluation_split_name == "validation"


def test_every_setting_explains_itself() -> None:
    assert all(field.metadata["help"] for field in fields(TrainConfig))


def test_roles_part_the_settings() -> None:
    by_role = {role: setting_names(role) for role in Role}
    assert sorted(name for names in by_role.values() for name in names) == sorted(setting_names())
    assert by_role[Role.LOCATION] == ["data_dir", "device"]
    assert by_role[Role.SEED] == ["seed"]
    assert set(by_role[Role.MACHINE] + by_role[Role.PRECISION]) == {"compile", "threads", "precision"}
    assert set(by_role[Role.EVALUATION]) == {"data", "validation_size", "eval_every", "views"}


def test_bounds_themselves_are_allowed() -> None:
    for setting in fields(TrainConfig):
        bounds = setting.metadata["bounds"]
        for number in (bounds.least, bounds.most) if bounds else ():
            value = (number,) if setting.name in ("hidden", "image_sizes") else number
            assert getattr(build({setting.name: value}), setting.name) == value


def test_optimizers_are_those_of_the_table() -> None:
    assert choices("optimizer") == tuple(OPTIMIZERS)
    assert optimizer_names(in_torch=True) == list(OPTIMIZERS)
    assert optimizer_names(in_torch=False) == list(OPTIMIZERS)
    numpy_classes = {info.numpy_class for info in OPTIMIZERS.values() if info.numpy_class}
    assert numpy_classes == set(numpy_optimizers.__all__) - {"Optimizer"}


def test_no_recipe_is_forgotten() -> None:
    files = (best, course, course_report, improvements)
    defined = {value.name for file in files for value in vars(file).values() if isinstance(value, Recipe)}
    assert defined == set(RECIPES)


def test_a_recipe_refuses_what_its_framework_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTIMIZERS, "sgd", OptimizerInfo(numpy_class="SGD"))
    assert find_recipe("mlp-numpy").configure().optimizer == "sgd"
    with pytest.raises(ConfigError, match="recipe mlp-torch has no optimizer sgd; there are adam, "):
        find_recipe("mlp-torch").configure()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stpes": 5}, "unknown setting 'stpes'; did you mean 'steps'?"),
        ({"zzz": 5}, "unknown setting 'zzz'; there are data, data_dir"),
        ({"steps": "five"}, "setting steps: expected `int`, got `str`"),
        ({"steps": 0}, "steps must be 1 to 2147483647, not 0"),
        ({"batch_size": -1}, "batch_size must be 1 to 2147483647, not -1"),
        ({"eval_every": 0}, "eval_every must be 1 to 2147483647, not 0"),
        ({"seed": -1}, "seed must be 0 to 2147483647, not -1"),
        ({"validation_size": -1}, "validation_size must be 0 to 2147483647, not -1"),
        ({"steps": 10**30}, "steps"),
        ({"seed": 2**31}, "seed must be 0 to 2147483647, not 2147483648"),
        ({"hidden": [0]}, "hidden must be '' (no hidden layer) or layer sizes of 1 to 16777216, not 0"),
        ({"hidden": [5, -1]}, "layer sizes of 1 to 16777216, not -1"),
        ({"hidden": ["a"]}, "setting hidden"),
        ({"learning_rate": 0}, "learning_rate must be a finite number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be a finite number above 0"),
        ({"negative_slope": -0.1}, "negative_slope must be a finite number, 0 or more"),
        ({"negative_slope": float("inf")}, "negative_slope must be a finite number, 0 or more"),
        ({"threads": 100000}, "threads must be 0 to 1024, not 100000"),
        ({"dropout": 1.0}, "dropout must be 0 or more and below 1, not 1.0"),
        ({"weight_decay": -1.0}, "weight_decay must be a finite number, 0 or more, not -1.0"),
        ({"learning_rate": float("inf")}, "learning_rate must be a finite number above 0, not inf"),
        ({"dropout": float("nan")}, "dropout must be 0 or more and below 1, not nan"),
        ({"optimizer": "sdg"}, f"optimizer must be one of {', '.join(OPTIMIZERS)}, not 'sdg'"),
        ({"optimizer": 3}, f"optimizer must be one of {', '.join(OPTIMIZERS)}, not 3"),
        ({"precision": 32}, "precision must be one of fp64, fp32, bf16, not 32"),
        ({"label_smoothing": 1.0}, "label_smoothing must be 0 or more and below 1, not 1.0"),
        ({"ema_decay": 1.0}, "ema_decay must be 0 or more and below 1, not 1.0"),
        ({"warmup": 1.0}, "warmup must be 0 or more and below 1, not 1.0"),
        ({"clip_norm": -1.0}, "clip_norm must be a finite number, 0 or more, not -1.0"),
        (
            {"optimizer": "adam", "momentum": 0.9},
            "momentum is for sgd; adam has its own: set momentum 0 and nesterov false",
        ),
        (
            {"optimizer": "adamw", "nesterov": True},
            "momentum is for sgd; adamw has its own: set momentum 0 and nesterov false",
        ),
        ({"nesterov": True}, "nesterov needs a momentum above 0, e.g. 0.9: give one, or set nesterov false"),
        ({"schedule": "step"}, "schedule must be one of constant, linear, cosine, not 'step'"),
        ({"views": 3}, "views must be one of 1, 2, 6, 18, not 3"),
        ({"rotation": 90.0}, "rotation must be 0 to 89, not 90.0"),
        ({"scaling": 1.0}, "scaling must be 0 or more and below 1, not 1.0"),
        ({"crop_padding": -1}, "crop_padding must be 0 to 2147483647, not -1"),
        ({"image_sizes": "16;24"}, "image_sizes are whole numbers and commas, like 100,100; not '16;24'"),
        ({"image_sizes": [0]}, "image_sizes must be '' (as they are) or sizes in pixels, e.g. 16,24,32"),
        ({"epochs": -1.0}, "epochs must be a finite number, 0 or more, not -1.0"),
        ({"data": "mnist"}, "data must be one of cifar10, digits, not 'mnist'"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_epochs_take_the_place_of_steps() -> None:
    assert build({"steps": 7}).n_steps(50_000) == 7
    assert (
        build({"steps": 7, "epochs": 2.5, "batch_size": 300}).n_steps(50_000) == 415
    )  # 166 whole batches each
    with pytest.raises(ConfigError, match=r"epochs 0.001 of 50,000 images .* are 0 steps; choose 0.004 or"):
        build({"epochs": 1e-3}).n_steps(50_000)
    with pytest.raises(ConfigError, match=r"are 2.5e\+32 steps; choose 8.6e\+06 or fewer"):
        build({"epochs": 1e30}).n_steps(50_000)


def test_hidden_sizes_are_read_from_text() -> None:
    assert parse_sizes("hidden", "100") == (100,)
    assert parse_sizes("hidden", "100, 50") == (100, 50)
    assert parse_sizes("hidden", "") == ()
    with pytest.raises(ConfigError, match="whole numbers and commas, like 100,100; not '5;6'"):
        parse_sizes("hidden", "5;6")


def test_settings_files(tmp_path: Path) -> None:
    toml = tmp_path / "a.toml"
    toml.write_text('data = "digits"\nhidden = [10, 5]\nlearning_rate = 1\n')
    assert build(read_settings(toml)) == TrainConfig(data="digits", hidden=(10, 5), learning_rate=1.0)
    windows = tmp_path / "w.toml"
    windows.write_bytes(b"\xef\xbb\xbfhidden = '20,10'\r\n")
    assert build(read_settings(windows)).hidden == (20, 10)
    record = tmp_path / "record.json"
    record.write_text('{"schema": "x", "config": {"steps": 7}}')
    assert read_settings(record) == {"steps": 7}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.toml", None, "cannot read the settings file none.toml: No such file"),
        ("a.toml", b"steps = ", "a.toml: Invalid value (at end of document)"),
        ("a.toml", b"\xff\xfe", "a.toml"),
        ("a.json", b"{", "a.json"),
        ("a.toml", b"a = " + b"[" * 100_000, "a.toml"),
        ("a.json", b"[" * 100_000, "a.json"),
        ("a.json", b"{}", "it has no table 'config'"),
        ("a.json", b"[1]", "it has no table 'config'"),
        ("a.json", b'{"config": 3}', "it has no table 'config'"),
    ],
)
def test_wrong_settings_files_are_named(name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_settings(Path(name))
    assert message in str(caught.value)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_builds(name: str) -> None:
    assert build(find_recipe(name).settings)


def test_a_recipe_has_the_settings_of_its_parent_and_its_own() -> None:
    assert find_recipe("report-3-decay").settings == {
        "hidden": (1024, 2048, 2048, 4096), "optimizer": "adamw", "learning_rate": 1e-3,
        "initialization": "uniform", "steps": 3000, "weight_decay": 0.1,
    }  # fmt: skip


@pytest.mark.parametrize("name", RECIPES)
def test_what_the_report_shows_of_a_recipe_is_trained_for_it(name: str) -> None:
    recipe = find_recipe(name)
    if recipe.in_report:
        assert recipe.plan
        assert recipe.small_plan
        # A modification stands in the table beside its parent.
        assert not recipe.in_report.reason or recipe.parent is None or recipe.parent.in_report


def test_an_unknown_recipe_is_named() -> None:
    with pytest.raises(ConfigError, match="no recipe 'mlp-nmupy'; did you mean 'mlp-numpy'"):
        find_recipe("mlp-nmupy")
