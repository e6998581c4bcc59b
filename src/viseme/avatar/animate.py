"""`viseme.animate`: any speech to a moving 3D face, in the formats that people use.

Knows voices, faces and formats; refuses to know how the voice network and avatars are trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from viseme.audio.mel_frames import MelFrames
from viseme.avatar.animation.avatar import generated_animation
from viseme.avatar.animation.default_head import default_head
from viseme.avatar.animation.interface import FaceAnimation, animation_formats, format_of
from viseme.avatar.mouth import Curves, Mouth, arkit_weights, curves_of_phonemes, idle_units, mouth_at
from viseme.avatar.spoken import heard
from viseme.avatar.voice.runner import load_voice_curves
from viseme.core.card import Card
from viseme.core.errors import ConfigError
from viseme.core.extras import import_part
from viseme.core.results import to_jsonable
from viseme.media.files import refuse_output, shown
from viseme.provenance.manifest import WrittenManifest, watermark_message
from viseme.synthetic.articulation import STEP_S
from viseme.synthetic.motion import loudness_at
from viseme.synthetic.phonemes import SAMPLE_RATE, Speech
from viseme.synthetic.speech import speak

__all__ = ["ANIMATE_SCHEMA", "AnimateResult", "animate"]

ANIMATE_SCHEMA = "viseme.animate/1"
MOST_FPS = 240


@dataclass(frozen=True, kw_only=True, repr=False)
class AnimateResult(Card):
    """A face that speaks, and where it was written."""

    source: str
    """The audio file, or what was said."""
    path: str | None
    """What was written; None = nothing."""
    format: str | None
    frames: int
    fps: float
    duration: float
    """Seconds of the audio."""
    driver: str
    """What moved the lips: name and hash of the voice weights, "phonemes" of a text, or the id of an avatar."""
    opening: tuple[float, float]
    """Median and 95th percentile of `jawOpen`."""
    watermark: str | None
    """What the invisible watermark of a video says, six hexadecimal digits; None = there are no frames."""
    manifest: str | None
    """The file beside a video that says it is synthetic; None = what was written says it itself, if its format can."""
    warnings: tuple[str, ...]
    animation: FaceAnimation
    """The motion itself; `save` writes it in other formats."""

    def facts(self) -> Mapping[str, Any]:
        """What the card shows."""
        return {"source": self.source, "path": self.path, "format": self.format, "frames": self.frames,
                "fps": self.fps, "duration": self.duration, "driver": self.driver}  # fmt: skip

    def save(self, out: str | Path, *, format: str | None = None, overwrite: bool = False) -> None:
        """Write another file.

        Args:
            out: Its end decides the format where `format` is None.
            format: One of `animation_formats`.
            overwrite: Replace a file that exists.

        Raises:
            ConfigError: there is no such format.
            MissingExtra: a video needs viseme[render].
            OutputError: the file exists or cannot be written.
        """
        name = format_of(Path(out), format)
        refuse_output(out, overwrite=overwrite)
        animation_formats[name].write(self.animation, Path(out))

    def to_json(self) -> dict[str, Any]:
        """The versioned object; the weights themselves are in the file."""
        fields = {k: v for k, v in vars(self).items() if k != "animation"}
        return {"schema": ANIMATE_SCHEMA, **to_jsonable(fields)}


def animate(
    audio: Path | None = None,
    *,
    out: Path | None = None,
    format: str | None = None,
    text: str | None = None,
    voice: str = "en-us",
    avatar: Path | None = None,
    fps: str = "30",
    strength: float = 1.0,
    still: bool = False,
    style: Literal["plain", "cartoon"] = "plain",
    view: Literal["front", "turntable"] = "front",
    size: int = 512,
    seed: int = 0,
    weights: str | None = None,
    audio_stream: int | None = None,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> AnimateResult:
    """Move a 3D face by speech.

    What is written says that it is synthetic: a video has a watermark and a manifest, other files a statement where
    their format has a place for one. There is no way to leave that out.

    Args:
        audio: A file with speech, audio or video.
        out: What to write; the end of its name decides the format: .glb, .obj and .ply (a file a frame), .json (ARKit),
            .csv (Live Link Face), .tsv, .xml and .dat (Rhubarb's mouth cues), .mp4. None = nothing.
        format: One of `animation_formats`, for ends that mean several.
        text: Say this instead of `audio`; its phonemes are known, so the lips are exact.
        voice: Who says the text, see `viseme.synthetic.speech.speak`.
        avatar: A personal face (.vis); None = the default head.
        fps: Frames a second; fractions such as 30000/1001 are exact.
        strength: Size of speech movements: 0.5 mumbling, 1 ordinary, 1.5 emphatic.
        still: Without blinks, glances and head movement: the mouth alone moves.
        style: Of a video: as rendered, or a cartoon.
        view: Of a video: from the front, or turning from side to side.
        size: Of a video: pixels of a side.
        seed: Of blinks, glances and head movement.
        weights: Name or file of other voice weights; None = those that ship.
        audio_stream: Which audio stream of the file, from 0; None = the one that holds a voice.
        overwrite: Replace a file that exists.
        on_progress: Told steps done and steps in all.

    Raises:
        ConfigError: an option is out of its range, or neither audio nor text is given.
        MediaError: the audio cannot be read, or the file cannot be written.
        MissingExtra: a video needs viseme[render].
        WeightsError: weights are missing or damaged.
    """
    rate = _rate(fps)
    if (audio is None) == (text is None):
        raise ConfigError("give an audio file or --text, one of them")
    if not 0 <= strength <= 2:
        raise ConfigError(f"strength must be 0 to 2, not {strength:g}")
    name = None if out is None else format_of(out, format)
    if out is not None:
        refuse_output(out, source=audio, overwrite=overwrite)
    speech = None if text is None else speak(text, voice=voice)
    warnings: list[str] = []
    samples = speech.samples if speech is not None else _samples(audio, audio_stream, warnings)
    source = text or shown(audio or "")
    if avatar is not None:
        loaded = import_part("viseme.avatar.runner").load_avatar(avatar)
        animation, driver = generated_animation(loaded, samples, rate, source=source), str(loaded.id)
        animation = replace(animation, model=driver, consent=loaded.consent)
    else:
        curves, driver = _curves(samples, speech, weights)
        animation = _default_animation(curves, samples, rate, strength=strength, still=still, seed=seed)
        animation = replace(animation, source=source, model=driver)
    written = None
    if out is not None and name is not None:
        written = _write(animation, out, name, style=style, view=view, size=size, on_progress=on_progress)
    jaw = animation.column("jawOpen")
    return AnimateResult(
        source=source,
        path=None if out is None else str(out),
        format=name,
        frames=len(animation.weights),
        fps=float(rate),
        duration=animation.duration,
        driver=driver,
        opening=(float(np.median(jaw)), float(np.quantile(jaw, 0.95))),
        watermark=None if written is None else f"{watermark_message(driver, animation.consent):06x}",
        manifest=None if written is None or written.sidecar is None else str(written.sidecar),
        warnings=tuple(warnings),
        animation=animation,
    )


def _rate(fps: str) -> Fraction:
    try:
        rate = Fraction(fps)
    except (ValueError, ZeroDivisionError):
        raise ConfigError(f"{fps!r} is not a frame rate; write 25, 29.97 or 30000/1001") from None
    if not 0 < rate <= MOST_FPS:
        raise ConfigError(f"the frame rate must be above 0 and at most {MOST_FPS}, not {fps}")
    return rate


def _samples(audio: Path | None, stream: int | None, warnings: list[str]) -> NDArray[np.float32]:
    """(S,) at 16 kHz from time 0 of the file on."""
    assert audio is not None
    said = heard(audio, stream, warnings.append)
    lead = round(said.start * SAMPLE_RATE)
    return np.pad(said.samples, (lead, 0)) if lead > 0 else said.samples[-lead:]


def _curves(samples: NDArray[np.float32], speech: Speech | None, weights: str | None) -> tuple[Curves, str]:
    """What the mouth does, and who says so."""
    end = len(samples) / SAMPLE_RATE
    if speech is not None:
        grid = np.arange(max(2, int(np.ceil(end / STEP_S)) + 1)) * STEP_S
        loudness = loudness_at(samples, SAMPLE_RATE, grid)
        return curves_of_phonemes(speech.phonemes, end, loudness=loudness), "phonemes"
    network = load_voice_curves(weights)
    mels = MelFrames.of_samples(samples)
    found = list(network.of_frames(mels, end))
    curves = Curves(times=np.concatenate([t for t, _ in found]), values=np.concatenate([v for _, v in found]))
    return curves, network.name


def _default_animation(
    curves: Curves, samples: NDArray[np.float32], rate: Fraction, *, strength: float, still: bool, seed: int
) -> FaceAnimation:
    duration = len(samples) / SAMPLE_RATE
    times = np.arange(max(1, int(np.ceil(duration * rate)))) / float(rate)
    mouth: Mouth = mouth_at(curves, times, strength=strength)
    units, pose = mouth.units, np.zeros((len(times), 3), np.float32)
    if not still:
        idle, pose = idle_units(mouth, times, seed=seed)
        units = {**units, **{name: units.get(name, 0.0) + curve for name, curve in idle.items()}}
    mesh = default_head()
    weights = arkit_weights(units, mesh.shape_names, len(times))
    return FaceAnimation(
        rate=rate,
        names=mesh.shape_names,
        weights=weights,
        pose=pose,
        duration=duration,
        mesh=mesh,
        mesh_weights=weights,
        tongue=mouth.tongue,
        samples=samples,
    )


def _write(
    animation: FaceAnimation,
    out: Path,
    name: str,
    *,
    style: Literal["plain", "cartoon"],
    view: Literal["front", "turntable"],
    size: int,
    on_progress: Callable[[int, int], None] | None,
) -> WrittenManifest | None:
    """A video knows more than its format says, and has a manifest."""
    if name in ("video", "cartoon"):
        film = import_part("viseme.avatar.animation.film")
        style = "cartoon" if name == "cartoon" else style
        return film.film_animation(animation, out, style=style, view=view, size=size, on_progress=on_progress)
    animation_formats[name].write(animation, out)
    return None
