"""Question 4: train the ConvNet on CIFAR-10 with Adam, testing it on the whole test set as it learns."""

import sys

from training import accuracy, make_parser, print_flags, train_recipe

__all__ = ["FLAGS", "accuracy", "main", "train"]

LEARNING_RATE_DEFAULT = 1e-4
MAX_STEPS_DEFAULT = 5000
BATCH_SIZE_DEFAULT = 32
EVAL_FREQ_DEFAULT = 500
DATA_DIR_DEFAULT = "./cifar10/cifar-10-batches-py"

parser = make_parser(globals())
FLAGS = parser.parse_args([])


def train():
    """Train by FLAGS and return the exit code; curves and record go to a new folder under ./runs."""
    return train_recipe("convnet", FLAGS, DATA_DIR_DEFAULT)


def main():
    """Print the flags, then train."""
    print_flags(FLAGS)
    return train()


if __name__ == "__main__":
    FLAGS = parser.parse_args()
    sys.exit(main())
