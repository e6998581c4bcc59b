"""What the watermark says, as waves of a tile: 32 bits, four symbols, 513 orthonormal patterns. Knows numbers;
refuses to know pixels.

Source:
    Our own design. Spread spectrum after Cox et al., "Secure Spread Spectrum Watermarking for Multimedia", 1997;
    symbols of a biorthogonal code, which needs about 4 dB less energy than single bits at the same error rate.
"""

from __future__ import annotations

import hashlib
from binascii import crc_hqx
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MESSAGE_BITS",
    "NUM_GROUPS",
    "NUM_SYMBOLS",
    "PILOT_WEIGHT",
    "TILE",
    "message_of",
    "message_weights",
    "patterns",
    "symbols_of",
    "waves",
]

MESSAGE_BITS = 24
"""Bits of a message; a checksum of 8 more is carried with it."""
TILE = 192
"""Period of the mark, cells both ways."""
NUM_GROUPS = 4
"""Symbols carried at once, eight bits each."""
NUM_SYMBOLS = 128
"""Patterns of a group; its sign is the eighth bit."""
PILOT_WEIGHT = 1.4
"""Amplitude of the pattern that every mark has, over that of a symbol; it is what the reader looks for."""
_LOWEST, _HIGHEST = 6.0, 16.0
"""Waves per tile: 12 to 32 cells long, which are 21 to 56 pixels of most frames. Codecs drop shorter ones, and longer
ones drown in the video."""
_KEY = b"viseme watermark 2"


@lru_cache(maxsize=1)
def waves() -> NDArray[np.int64]:
    """(2, D / 2) waves of the tile, rows and columns, one of each conjugate pair."""
    reach = int(_HIGHEST)
    y, x = np.mgrid[-reach : reach + 1, 0 : reach + 1]
    length = np.hypot(y, x)
    half = (x > 0) | (y > 0)
    kept = (length >= _LOWEST) & (length <= _HIGHEST) & half
    return np.stack([y[kept], x[kept]])


@lru_cache(maxsize=1)
def patterns() -> NDArray[np.complex128]:
    """(1 + NUM_GROUPS * NUM_SYMBOLS, D / 2) complex orthonormal patterns: the pilot, then the symbols of each group.

    A pattern is the real part of sum_k p_k exp(2 pi i k . x / TILE). They are drawn from a key by SHAKE-256, not by a
    library's generator, so that a mark of today is read in ten years.
    """
    num, size = 1 + NUM_GROUPS * NUM_SYMBOLS, 2 * waves().shape[1]
    data = hashlib.shake_256(_KEY).digest(8 * num * size)
    uniform = (np.frombuffer(data, "<u4").reshape(2, num, size) + 0.5) / 2.0**32
    normal = np.sqrt(-2 * np.log(uniform[0])) * np.cos(2 * np.pi * uniform[1])
    basis, triangle = np.linalg.qr(normal.T)
    rows = (basis * np.sign(np.diag(triangle))).T
    return rows[:, : size // 2] + 1j * rows[:, size // 2 :]


def symbols_of(message: int) -> tuple[tuple[int, float], ...]:
    """The pattern (within its group) and the sign of each group.

    Raises:
        ValueError: the message is not a number of 24 bits.
    """
    if not 0 <= message < 1 << MESSAGE_BITS:
        raise ValueError(f"a message has {MESSAGE_BITS} bits, got {message}")
    bits = message << 8 | _checksum(message)
    parts = [bits >> 8 * group & 255 for group in range(NUM_GROUPS)]
    return tuple((part >> 1, -1.0 if part & 1 else 1.0) for part in parts)


def message_of(symbols: list[tuple[int, float]]) -> int | None:
    """The message of the symbols; None where its checksum does not fit.

    Example:
        >>> message_of(list(symbols_of(0xC0FFEE)))
        12648430
    """
    bits = sum((pattern << 1 | (sign < 0)) << 8 * group for group, (pattern, sign) in enumerate(symbols))
    message, checksum = bits >> 8, bits & 0xFF
    return message if _checksum(message) == checksum else None


def message_weights(message: int) -> NDArray[np.complex128]:
    """(D / 2,) complex weights of the waves for a message, of unit length."""
    rows = patterns()
    total = PILOT_WEIGHT * rows[0]
    for group, (pattern, sign) in enumerate(symbols_of(message)):
        total = total + sign * rows[1 + group * NUM_SYMBOLS + pattern]
    return total / np.linalg.norm(total)


def _checksum(message: int) -> int:
    return crc_hqx(message.to_bytes(3, "big"), 0xFFFF) >> 8
