"""Image data sets: found, fetched, decoded once, cached, and cut into batches.

Nothing in here imports a network, PyTorch or training; this file imports not even NumPy, so that the names of
the data sets cost --help nothing.
"""

from backproof.data.registry import DATASETS, DatasetInfo, load

__all__ = ["DATASETS", "DatasetInfo", "load"]
