"""Question 4: train the ConvNet on CIFAR-10 with Adam, testing it on the whole test set as it learns."""

import sys

from training_script import accuracy, make_parser, print_flags, run_training

__all__ = ["FLAGS", "accuracy", "main", "train"]

LEARNING_RATE_DEFAULT = 1e-4
MAX_STEPS_DEFAULT = 5000
BATCH_SIZE_DEFAULT = 32
EVAL_FREQ_DEFAULT = 500
DATA_DIR_DEFAULT = "./cifar10/cifar-10-batches-py"

parser = make_parser(
    __doc__,
    learning_rate=LEARNING_RATE_DEFAULT,
    max_steps=MAX_STEPS_DEFAULT,
    batch_size=BATCH_SIZE_DEFAULT,
    eval_freq=EVAL_FREQ_DEFAULT,
    data_dir=DATA_DIR_DEFAULT,
)
FLAGS = parser.parse_args([])


def train():
    """Train by FLAGS and return the exit code; curves and record go to a new folder under ./runs.

    Data: CIFAR-10 in random batches, the training set's mean image subtracted (backproof/data).
    Network: the ConvNet of convnet_pytorch.py (backproof/torch_nn/convnet.py).
    Loss: torch's cross entropy of the logits, which has the softmax.
    Loop: forward, loss, backward, one step of Adam; every eval_freq steps the loss and accuracy on the
    whole test set (backproof/training/loop.py; one step is in learners/torch_learner.py beside it).
    """
    return run_training(
        "convnet",
        learning_rate=FLAGS.learning_rate,
        steps=FLAGS.max_steps,
        batch_size=FLAGS.batch_size,
        eval_every=FLAGS.eval_freq,
        data_dir=FLAGS.data_dir,
        default_data_dir=DATA_DIR_DEFAULT,
        seed=42,
    )


def main():
    """Print the flags, then train."""
    print_flags(FLAGS)
    return train()


if __name__ == "__main__":
    FLAGS = parser.parse_args()
    sys.exit(main())
