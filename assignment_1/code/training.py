"""What the three training scripts share: flags, accuracy, and the call of backproof."""

import argparse
from pathlib import Path

import numpy as np

from backproof.cli.main import main as backproof

SEED = 42
# Each flag that a script may have: its type, the setting of backproof behind it, its help.
_FLAGS = {
    "dnn_hidden_units": (str, "hidden", "hidden layer sizes, e.g. 100,100; '' for none"),
    "learning_rate": (float, "learning-rate", "step size of the optimizer"),
    "max_steps": (int, "steps", "batches to train on"),
    "batch_size": (int, "batch-size", "images in a batch"),
    "eval_freq": (int, "eval-every", "steps between two tests"),
    "data_dir": (str, "data-dir", "folder of CIFAR-10's batch files"),
    "neg_slope": (float, "negative-slope", "slope of LeakyReLU below zero"),
}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as backproof does, without the usage above it."""

    def error(self, message):
        """End with the message and exit code 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def make_parser(constants):
    """Make one flag --name of every constant NAME_DEFAULT of a script, given its globals()."""
    parser = _Parser(description=constants["__doc__"].partition("\n")[0])
    for name, (kind, _, text) in _FLAGS.items():
        if f"{name.upper()}_DEFAULT" in constants:
            default = constants[f"{name.upper()}_DEFAULT"]
            parser.add_argument(f"--{name}", type=kind, default=default, help=f"{text} [{default}]")
    return parser


def print_flags(flags):
    """Print every flag as name : value."""
    for name, value in vars(flags).items():
        print(f"{name} : {value}")


def train_recipe(recipe, flags, data_dir_default):
    """Train a recipe of backproof by the flags and return the exit code; the run goes to a folder in ./runs.

    Messages name backproof's settings, which are these flags': hidden, steps, eval_every, negative_slope.
    """
    settings = {_FLAGS[name][1]: value for name, value in vars(flags).items()} | {"seed": SEED}
    if flags.data_dir == data_dir_default and not Path(data_dir_default).exists():
        print(f"no {data_dir_default} here: looking where backproof keeps CIFAR-10, or else fetching it")
        del settings["data-dir"]
    return backproof(["train", recipe, *(f"--{name}={value}" for name, value in settings.items())])


def accuracy(predictions, targets):
    """Return the fraction of rows of scores (B, C) whose largest entry is where the one-hot target's is.

    Arrays and PyTorch's tensors will do, wherever they lie and with gradients or without.
    """
    predictions, targets = _as_array(predictions), _as_array(targets)
    if predictions.shape != targets.shape or predictions.ndim != 2 or predictions.size == 0:
        raise ValueError(
            f"predictions {predictions.shape} and targets {targets.shape} have to be (B, C) both"
        )
    return np.mean(np.argmax(predictions, axis=1) == np.argmax(targets, axis=1))


def _as_array(rows):
    """Return rows as an array. A tensor goes by way of float64, since NumPy has no bfloat16."""
    return rows.detach().cpu().double().numpy() if hasattr(rows, "detach") else np.asarray(rows)
