"""Question 1.2: train the NumPy MLP on CIFAR-10, testing it on the whole test set as it learns."""

import sys

from training_script import accuracy, make_parser, print_flags, run_training

__all__ = ["FLAGS", "accuracy", "main", "train"]

DNN_HIDDEN_UNITS_DEFAULT = "100"
LEARNING_RATE_DEFAULT = 2e-3
MAX_STEPS_DEFAULT = 1500
BATCH_SIZE_DEFAULT = 200
EVAL_FREQ_DEFAULT = 100
DATA_DIR_DEFAULT = "./cifar10/cifar-10-batches-py"
NEG_SLOPE_DEFAULT = 0.02

parser = make_parser(
    __doc__,
    dnn_hidden_units=DNN_HIDDEN_UNITS_DEFAULT,
    learning_rate=LEARNING_RATE_DEFAULT,
    max_steps=MAX_STEPS_DEFAULT,
    batch_size=BATCH_SIZE_DEFAULT,
    eval_freq=EVAL_FREQ_DEFAULT,
    data_dir=DATA_DIR_DEFAULT,
    neg_slope=NEG_SLOPE_DEFAULT,
)
FLAGS = parser.parse_args([])


def train():
    """Train by FLAGS and return the exit code; curves and record go to a new folder under ./runs.

    Data: CIFAR-10 in random batches, the training set's mean image subtracted (backproof/data).
    Network: the MLP of mlp_numpy.py in float32, without its softmax (backproof/numpy_nn/mlp.py).
    Loss: softmax and cross entropy in one function (SoftmaxCrossEntropy in backproof/numpy_nn/losses.py).
    Loop: forward, loss, backward, one step of SGD; every eval_freq steps the loss and accuracy on the
    whole test set (backproof/training/loop.py; one step is in learners/numpy_learner.py beside it).
    """
    return run_training(
        "mlp-numpy",
        hidden=FLAGS.dnn_hidden_units,
        learning_rate=FLAGS.learning_rate,
        steps=FLAGS.max_steps,
        batch_size=FLAGS.batch_size,
        eval_every=FLAGS.eval_freq,
        negative_slope=FLAGS.neg_slope,
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
