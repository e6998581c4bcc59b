"""PNG files without an imaging library: images inside a page, textures of meshes. Knows no files."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["png_bytes", "png_uri"]


def png_bytes(image: NDArray[np.uint8]) -> bytes:
    """An (H, W, 3) RGB image as a PNG file.

    Raises:
        ValueError: another shape or type.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"an image is (H, W, 3) uint8, not {image.shape} {image.dtype}")
    height, width, _ = image.shape
    rows = image.reshape(height, width * 3)
    predicted = np.zeros_like(rows)
    predicted[1:] = rows[:-1]
    lines = np.concatenate(
        [np.full((height, 1), 2, np.uint8), rows - predicted], axis=1
    )  # filter 2: minus the row above
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def png_uri(image: NDArray[np.uint8]) -> str:
    """The same as a `data:` address for an `<img>`."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(image)).decode("ascii")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
