"""What augmentation does to a batch of images, given what chance has decided for each."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from backproof.arrays import Images, Indices

Flags = npt.NDArray[np.bool_]
"""Yes or no for each image, (B,)."""
Floats = npt.NDArray[np.float64]


def shift(images: Images, shifts: Indices, mirrored: Flags) -> None:
    """Show in place of each image (C, H, W) what lies ``shifts`` (B, 2) down and right of it, zero outside.

    Where ``mirrored``, its columns are then reversed.
    """
    _, channels, height, width = images.shape
    border = int(abs(shifts).max(initial=0))
    padded = np.zeros((channels, height + 2 * border, width + 2 * border), np.float32)
    middle = padded[:, border : border + height, border : border + width]
    starts = (shifts + border).tolist()
    for image, (top, left), flip in zip(images, starts, mirrored.tolist(), strict=True):
        middle[...] = image
        window = padded[:, top : top + height, left : left + width]
        image[...] = window[:, :, ::-1] if flip else window


def affine_maps(rotation: Floats, scale: Floats, shear: Floats) -> Floats:
    """Return A (B, 2, 2): (x, y) of a pixel, from the centre, shows what A (x, y) showed before.

    The angles (B,) are in radians: A = R(rotation) · [[1, tan(shear)], [0, 1]] / scale.
    """
    cos, sin, tan = np.cos(rotation), np.sin(rotation), np.tan(shear)
    maps = np.array([[cos, cos * tan - sin], [sin, sin * tan + cos]]) / scale
    return np.moveaxis(maps, -1, 0)


def warp(images: Images, maps: Floats, shifts: Indices, mirrored: Flags) -> None:
    """Do what ``shift`` does, each image under its affine map besides, interpolated bilinearly."""
    import cv2  # takes long to import, and few runs need it

    cv2.setNumThreads(0)  # the cores belong to the network
    _, channels, height, width = images.shape
    # Mirrored first, then mapped, then shifted: x ↦ A (±(x − c)) + c + shift.
    centre = np.array([width - 1, height - 1]) / 2
    maps = maps.copy()
    maps[mirrored, :, 0] *= -1
    offsets = centre + shifts[:, ::-1] - maps @ centre
    matrices = np.concatenate([maps, offsets[:, :, None]], axis=2)
    # OpenCV keeps a pixel's channels side by side.
    pixels, warped = (np.empty((height, width, channels), np.float32) for _ in range(2))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for image, matrix in zip(images, matrices, strict=True):
        cv2.merge(image, pixels)
        cv2.warpAffine(pixels, matrix, (width, height), warped, flags)
        image[...] = warped.transpose(2, 0, 1)


def downscale(images: Images, out: Images) -> None:
    """Write into ``out`` (B, C, h, w) the means of images (B, C, H, W) over the area of each larger pixel."""
    rows, columns = (_areas(*sides) for sides in zip(images.shape[2:], out.shape[2:], strict=True))
    np.matmul(rows, images @ columns.T, out=out)


@lru_cache
def _areas(before: int, after: int) -> Images:
    """Return (after, before): the share of each larger pixel that each smaller one covers; rows sum to 1."""
    edges = np.linspace(0, before, after + 1)
    pixel = np.arange(before)
    overlaps = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return (overlaps.clip(0) * after / before).astype(np.float32)


def cut_out(images: Images, centres: Floats, side: int) -> None:
    """Set a square of each image to zero; its ``centres`` (B, 2), 0 ≤ c < 1, are fractions of (H, W)."""
    starts = (centres * images.shape[2:]).astype(np.int64) - side // 2
    for image, (top, left) in zip(images, starts.tolist(), strict=True):
        image[:, max(top, 0) : top + side, max(left, 0) : left + side] = 0
