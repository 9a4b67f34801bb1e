"""Read CIFAR-10 as the assignment does: float images, mean image subtracted, one-hot labels."""

from pathlib import Path

import numpy as np

from backproof.data import cifar10
from backproof.data.cifar_batch import read_batch
from backproof.numpy_nn import one_hot

N_CLASSES = len(cifar10.CLASSES)


def load_cifar10_batch(batch_filename):
    """Read one batch file: images (N, 32, 32, 3) float32 in 0 … 255 and labels (N,)."""
    path = Path(batch_filename)
    return _as_raw([read_batch(path.read_bytes(), str(path))])


def load_cifar10(cifar10_folder):
    """Read the five training batches and the test batch: X_train, Y_train, X_test, Y_test."""
    decoded = cifar10.decode(cifar10.existing_source(Path(cifar10_folder)))
    return *_as_raw(decoded.train), *_as_raw(decoded.test)


def get_cifar10_raw_data(data_dir):
    """Read the images without any preprocessing: X_train (50000, 32, 32, 3), Y_train, X_test, Y_test."""
    return load_cifar10(data_dir)


def preprocess_cifar10_data(X_train_raw, Y_train_raw, X_test_raw, Y_test_raw):
    """Subtract the training set's mean image, divide by nothing, and move channels first: (N, 3, 32, 32)."""
    mean_image = X_train_raw.mean(axis=0, dtype=np.float64).astype(np.float32)
    X_train, X_test = (
        np.ascontiguousarray((raw - mean_image).transpose(0, 3, 1, 2)) for raw in (X_train_raw, X_test_raw)
    )
    return X_train, Y_train_raw, X_test, Y_test_raw


def dense_to_one_hot(labels_dense, num_classes):
    """Turn class numbers (N,) into one-hot rows (N, num_classes)."""
    return one_hot(np.asarray(labels_dense), num_classes)


class DataSet:
    """Images and labels, given in batches."""

    def __init__(self, images, labels):
        if len(images) != len(labels):
            raise ValueError(f"images have shape {images.shape}, but labels {labels.shape}")
        self._images, self._labels = images, labels
        self._order = np.arange(len(images))
        self._next = 0
        self._epochs_completed = 0

    @property
    def images(self):
        """(N, 3, 32, 32) float32."""
        return self._images

    @property
    def labels(self):
        """(N, 10) one-hot, or (N,)."""
        return self._labels

    @property
    def num_examples(self):
        """N."""
        return len(self._images)

    @property
    def epochs_completed(self):
        """How often all examples have been used."""
        return self._epochs_completed

    def next_batch(self, batch_size):
        """Return the next batch_size images and labels; when too few are left, reshuffle and start anew."""
        if not 1 <= batch_size <= self.num_examples:
            raise ValueError(f"a batch has 1 to {self.num_examples} examples of this set, not {batch_size}")
        if self._next + batch_size > self.num_examples:
            self._epochs_completed += 1
            np.random.shuffle(self._order)
            self._next = 0
        chosen = self._order[self._next : self._next + batch_size]
        self._next += batch_size
        return self._images[chosen], self._labels[chosen]


class DataSets(dict):
    """The splits by name, both as sets['train'] and as sets.train."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def read_data_sets(data_dir, one_hot=True, validation_size=0):
    """Read 'train', 'validation' (the first validation_size training images) and 'test'.

    As in the course, the mean image is that of all training images, those for validation included.
    """
    X_train, Y_train, X_test, Y_test = preprocess_cifar10_data(*get_cifar10_raw_data(data_dir))
    if not 0 <= validation_size <= len(X_train):
        raise ValueError(f"validation_size is 0 to {len(X_train)}, not {validation_size}")
    if one_hot:
        Y_train, Y_test = (dense_to_one_hot(labels, N_CLASSES) for labels in (Y_train, Y_test))
    return DataSets(
        train=DataSet(X_train[validation_size:], Y_train[validation_size:]),
        validation=DataSet(X_train[:validation_size], Y_train[:validation_size]),
        test=DataSet(X_test, Y_test),
    )


def get_cifar10(data_dir="cifar10/cifar-10-batches-py", one_hot=True, validation_size=0):
    """Read CIFAR-10 from its folder of batch files (or from cifar-10-python.tar.gz)."""
    return read_data_sets(data_dir, one_hot, validation_size)


def _as_raw(batches):
    """Return all batches as one, channels last and float32, as the assignment's raw data are."""
    images = np.concatenate([images for images, _ in batches]).transpose(0, 2, 3, 1).astype(np.float32)
    return images, np.concatenate([labels for _, labels in batches]).astype(np.int64)
