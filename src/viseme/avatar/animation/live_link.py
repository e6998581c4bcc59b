"""The table that Epic's Live Link Face app records: a row a frame, 52 weights and nine angles.

Angles are radians: of the head as in `FaceAnimation.pose`, in the order yaw, pitch, roll; of the eyes from the weights
of `eyeLook...`, where 1 is `EYE_TURN`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.avatar.animation.interface import FaceAnimation
from viseme.media.files import replacing

__all__ = ["COLUMNS", "EYE_TURN", "LIVE_LINK", "LiveLinkFormat", "timecode"]

_UNITS = [
    "EyeBlinkLeft",
    "EyeLookDownLeft",
    "EyeLookInLeft",
    "EyeLookOutLeft",
    "EyeLookUpLeft",
    "EyeSquintLeft",
    "EyeWideLeft",
    "EyeBlinkRight",
    "EyeLookDownRight",
    "EyeLookInRight",
    "EyeLookOutRight",
    "EyeLookUpRight",
    "EyeSquintRight",
    "EyeWideRight",
    "JawForward",
    "JawRight",
    "JawLeft",
    "JawOpen",
    "MouthClose",
    "MouthFunnel",
    "MouthPucker",
    "MouthRight",
    "MouthLeft",
    "MouthSmileLeft",
    "MouthSmileRight",
    "MouthFrownLeft",
    "MouthFrownRight",
    "MouthDimpleLeft",
    "MouthDimpleRight",
    "MouthStretchLeft",
    "MouthStretchRight",
    "MouthRollLower",
    "MouthRollUpper",
    "MouthShrugLower",
    "MouthShrugUpper",
    "MouthPressLeft",
    "MouthPressRight",
    "MouthLowerDownLeft",
    "MouthLowerDownRight",
    "MouthUpperUpLeft",
    "MouthUpperUpRight",
    "BrowDownLeft",
    "BrowDownRight",
    "BrowInnerUp",
    "BrowOuterUpLeft",
    "BrowOuterUpRight",
    "CheekPuff",
    "CheekSquintLeft",
    "CheekSquintRight",
    "NoseSneerLeft",
    "NoseSneerRight",
    "TongueOut",
]
_ANGLES = [
    "HeadYaw",
    "HeadPitch",
    "HeadRoll",
    "LeftEyeYaw",
    "LeftEyePitch",
    "LeftEyeRoll",
    "RightEyeYaw",
    "RightEyePitch",
    "RightEyeRoll",
]
COLUMNS = (*_UNITS, *_ANGLES)
"""The 61 numbers of a row, after its timecode and their count."""
EYE_TURN = 0.5
"""Radians by which an eye looks away at weight 1."""


def timecode(number: int, rate: Fraction) -> str:
    """HH:MM:SS:FF.mmm of a frame; FF counts frames in the second, mmm thousandths of a frame.

    Example:
        >>> timecode(95, Fraction(30)), timecode(30, Fraction(30000, 1001))
        ('00:00:03:05.000', '00:00:01:00.029')
    """
    seconds = Fraction(number) / rate
    whole = int(seconds)
    frames = (seconds - whole) * rate
    return (
        f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}:{int(frames):02d}."
        f"{int((frames - int(frames)) * 1000):03d}"
    )


@dataclass(frozen=True)
class LiveLinkFormat:
    """See `AnimationFormat`."""

    suffixes: tuple[str, ...] = (".csv",)
    summary: str = "Live Link Face's table: 61 columns for MetaHuman and other rigs"

    def write(self, animation: FaceAnimation, out: Path) -> None:
        """Write one file."""
        lower = [name.lower() for name in animation.names]
        units = animation.weights[:, [lower.index(name.lower()) for name in _UNITS]]
        rows = np.concatenate([units, animation.pose[:, [1, 0, 2]], _eyes(animation)], 1)
        with replacing(out) as file:
            file.write(f"Timecode,BlendShapeCount,{','.join(COLUMNS)}\n".encode())
            for number, row in enumerate(rows.tolist()):
                values = ",".join(f"{value:.6f}" for value in row)
                file.write(f"{timecode(number, animation.rate)},{len(COLUMNS)},{values}\n".encode())


LIVE_LINK = LiveLinkFormat()


def _eyes(animation: FaceAnimation) -> NDArray[np.float32]:
    """(T, 6) yaw, pitch, roll of the left eye, then of the right."""

    def turn(positive: str, negative: str) -> NDArray[np.float32]:
        return EYE_TURN * (animation.column(positive) - animation.column(negative))

    none = np.zeros(len(animation.weights), np.float32)
    left = (turn("eyeLookOutLeft", "eyeLookInLeft"), turn("eyeLookDownLeft", "eyeLookUpLeft"), none)
    right = (turn("eyeLookInRight", "eyeLookOutRight"), turn("eyeLookDownRight", "eyeLookUpRight"), none)
    return np.stack([*left, *right], 1)
