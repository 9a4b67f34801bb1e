"""Question 1.2: train the NumPy MLP on CIFAR-10, testing it on the whole test set as it learns.

The network is the package's own: the layers of modules.py in float32, softmax and cross entropy fused.
"""

import sys

from training import accuracy, make_parser, print_flags, train_recipe

__all__ = ["FLAGS", "accuracy", "main", "train"]

DNN_HIDDEN_UNITS_DEFAULT = "100"
LEARNING_RATE_DEFAULT = 2e-3
MAX_STEPS_DEFAULT = 1500
BATCH_SIZE_DEFAULT = 200
EVAL_FREQ_DEFAULT = 100
DATA_DIR_DEFAULT = "./cifar10/cifar-10-batches-py"
NEG_SLOPE_DEFAULT = 0.02

parser = make_parser(globals())
FLAGS = parser.parse_args([])


def train():
    """Train by FLAGS and return the exit code; curves and record go to a new folder under ./runs."""
    return train_recipe("mlp-numpy", FLAGS, DATA_DIR_DEFAULT)


def main():
    """Print the flags, then train."""
    print_flags(FLAGS)
    return train()


if __name__ == "__main__":
    FLAGS = parser.parse_args()
    sys.exit(main())
