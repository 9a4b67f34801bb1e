"""Types of the arrays that pass between data sets, networks and the training loop."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
"""Any shape and dtype."""
Pixels = npt.NDArray[np.uint8]
"""Images as they are stored, (N, channels, height, width), 0 … 255."""
Images = npt.NDArray[np.float32]
"""A batch of images minus the mean image, (B, channels, height, width); nothing is divided."""
Labels = npt.NDArray[np.int64]
"""Class numbers, (B,)."""
Indices = npt.NDArray[np.int64]
"""Indices of images in a split, (B,)."""
State = dict[str, Array]
"""Arrays by name, as in PyTorch's state_dict: all that resuming needs of a network and its optimizer."""
