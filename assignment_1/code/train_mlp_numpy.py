"""Question 1.2: train the NumPy MLP on CIFAR-10, testing it on the whole test set as it learns.

The network is the package's own: the layers of modules.py in float32, softmax and cross entropy fused.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from backproof.cli import main as backproof

DNN_HIDDEN_UNITS_DEFAULT = "100"
LEARNING_RATE_DEFAULT = 2e-3
MAX_STEPS_DEFAULT = 1500
BATCH_SIZE_DEFAULT = 200
EVAL_FREQ_DEFAULT = 100
DATA_DIR_DEFAULT = "./cifar10/cifar-10-batches-py"
NEG_SLOPE_DEFAULT = 0.02
SEED = 42

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument(
    "--dnn_hidden_units",
    default=DNN_HIDDEN_UNITS_DEFAULT,
    help="hidden layer sizes, e.g. 100,100; '' for none",
)
parser.add_argument("--learning_rate", type=float, default=LEARNING_RATE_DEFAULT, help="step size of SGD")
parser.add_argument("--max_steps", type=int, default=MAX_STEPS_DEFAULT, help="batches to train on")
parser.add_argument("--batch_size", type=int, default=BATCH_SIZE_DEFAULT, help="images in a batch")
parser.add_argument("--eval_freq", type=int, default=EVAL_FREQ_DEFAULT, help="steps between two tests")
parser.add_argument("--data_dir", default=DATA_DIR_DEFAULT, help="folder of CIFAR-10's batch files")
parser.add_argument(
    "--neg_slope", type=float, default=NEG_SLOPE_DEFAULT, help="slope of LeakyReLU below zero"
)
FLAGS = parser.parse_args([])


def accuracy(predictions, targets):
    """Return the fraction of rows of scores (B, C) whose largest entry is where the one-hot target's is."""
    predictions, targets = np.asarray(predictions), np.asarray(targets)
    if predictions.shape != targets.shape or predictions.ndim != 2 or predictions.size == 0:
        raise ValueError(
            f"predictions {predictions.shape} and targets {targets.shape} have to be (B, C) both"
        )
    return np.mean(np.argmax(predictions, axis=1) == np.argmax(targets, axis=1))


def train():
    """Train by FLAGS and return the exit code; curves and record go to a new folder under ./runs.

    Messages name backproof's settings, which are these flags': hidden, steps, eval_every, negative_slope.
    """
    settings = {
        "hidden": FLAGS.dnn_hidden_units,
        "learning-rate": FLAGS.learning_rate,
        "steps": FLAGS.max_steps,
        "batch-size": FLAGS.batch_size,
        "eval-every": FLAGS.eval_freq,
        "negative-slope": FLAGS.neg_slope,
        "seed": SEED,
        "data-dir": FLAGS.data_dir,
    }
    if FLAGS.data_dir == DATA_DIR_DEFAULT and not Path(DATA_DIR_DEFAULT).exists():
        print(f"no {DATA_DIR_DEFAULT} here: looking where backproof keeps CIFAR-10, or else fetching it")
        del settings["data-dir"]
    return backproof(["train", "mlp-numpy", *(f"--{name}={value}" for name, value in settings.items())])


def print_flags():
    """Print every flag as name : value."""
    for name, value in vars(FLAGS).items():
        print(f"{name} : {value}")


def main():
    """Print the flags, then train."""
    print_flags()
    return train()


if __name__ == "__main__":
    FLAGS = parser.parse_args()
    sys.exit(main())
