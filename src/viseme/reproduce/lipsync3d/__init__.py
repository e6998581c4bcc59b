"""LipSync3D's evaluation: self-reenactment, leakage and other voices, beside the published table."""

from viseme.reproduce.lipsync3d.command import Lipsync3dResult, reproduce_lipsync3d

__all__ = ["Lipsync3dResult", "reproduce_lipsync3d"]
