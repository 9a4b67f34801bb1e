"""What the three training scripts share: their flags, accuracy, and the command that trains."""

import argparse
from pathlib import Path

import numpy as np

from backproof.cli.main import main as backproof

TYPES_AND_HELP = {
    "dnn_hidden_units": (str, "hidden layer sizes, e.g. 100,100; '' for none"),
    "learning_rate": (float, "step size of the optimizer"),
    "max_steps": (int, "batches to train on"),
    "batch_size": (int, "images in a batch"),
    "eval_freq": (int, "steps between two tests"),
    "data_dir": (str, "folder of CIFAR-10's batch files"),
    "neg_slope": (float, "slope of LeakyReLU below zero"),
}


class Parser(argparse.ArgumentParser):
    """Reports a wrong flag in one line, as backproof does, without the usage above it."""

    def error(self, message):
        """Exit with the message and code 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def make_parser(description, **defaults):
    """Return a parser with one flag for each keyword, which gives its default."""
    parser = Parser(description=description.partition("\n")[0])
    for name, default in defaults.items():
        kind, text = TYPES_AND_HELP[name]
        parser.add_argument(f"--{name}", type=kind, default=default, help=f"{text} [{default}]")
    return parser


def print_flags(flags):
    """Print every flag as name : value."""
    for name, value in vars(flags).items():
        print(f"{name} : {value}")


def run_training(recipe, *, data_dir, default_data_dir, **settings):
    """Run ``backproof train RECIPE`` with a flag for each setting, and return its exit code.

    Where the default folder of CIFAR-10 does not exist, backproof looks for its own copy, or fetches one.
    """
    if data_dir != default_data_dir or Path(data_dir).exists():
        settings["data_dir"] = data_dir
    else:
        print(f"no {data_dir} here: looking where backproof keeps CIFAR-10, or else fetching it")
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    return backproof(["train", recipe, *flags])


def accuracy(predictions, targets):
    """Return the fraction of rows of scores (B, C) whose largest entry is where the one-hot target's is.

    Takes arrays and PyTorch's tensors, on any device, with gradients or without.
    """
    predictions, targets = as_array(predictions), as_array(targets)
    if predictions.shape != targets.shape or predictions.ndim != 2 or predictions.size == 0:
        raise ValueError(
            f"predictions {predictions.shape} and targets {targets.shape} have to be (B, C) both"
        )
    return np.mean(np.argmax(predictions, axis=1) == np.argmax(targets, axis=1))


def as_array(rows):
    """Return rows as an array. A tensor goes by way of float64, since NumPy has no bfloat16."""
    return rows.detach().cpu().double().numpy() if hasattr(rows, "detach") else np.asarray(rows)
