"""The error tree. A message says what, on what, and what to do.

The tree is for the world's faults; `ValueError` is for a caller's, `assert` for ours.
"""

__all__ = [
    "BadHash",
    "ConfigError",
    "ConsentError",
    "DataError",
    "FaceError",
    "FixRefused",
    "MediaError",
    "MissingExtra",
    "MissingWeights",
    "NoAudio",
    "NoVideo",
    "OutputError",
    "UnreadableMedia",
    "VisemeError",
    "WeightsError",
]


class VisemeError(Exception):
    """Anything in the world that kept us from an answer."""


class MediaError(VisemeError):
    """A media file could not be read or written."""


class UnreadableMedia(MediaError):
    """Not a media file, or damaged before the first frame."""


class NoAudio(MediaError):
    """There is no (such) audio stream."""


class NoVideo(MediaError):
    """There is no video stream."""


class OutputError(MediaError):
    """The result could not be written (disk full, folder missing, permission)."""


class WeightsError(VisemeError):
    """Weights are absent or not what they claim to be."""


class MissingWeights(WeightsError):
    """The weights file is not where it should be."""


class BadHash(WeightsError):
    """The weights file does not hash to its record."""


class FaceError(VisemeError):
    """The face tracker or a face model could not be used."""


class ConfigError(VisemeError):
    """A configuration value is out of its range."""


class ConsentError(VisemeError):
    """There is no valid consent of the person whose face is wanted."""


class DataError(VisemeError):
    """Training or evaluation data are missing or malformed."""


class MissingExtra(VisemeError, ImportError):
    """A package is not installed that only an extra brings, such as torch for training."""


class FixRefused(VisemeError):
    """The delay could not be told, so nothing was shifted."""
