"""Run the voice network that ships: mel powers in, the visible part of the vocal tract every 20 ms out. No torch.

Knows audio features and weights; refuses to know faces. Whole files are worked through in pieces, so that memory does
not grow with their length.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import FRAME_S
from viseme.audio.mel_frames import MelFrames
from viseme.avatar.voice.features import CURVES, FRAMES_A_STEP, GAP, PRESS, SCALE, SPEAKING, loudest, voice_features
from viseme.core.errors import WeightsError
from viseme.synthetic.visemes import CHANNELS, REST
from viseme.weights import FileStamp, Session, file_stamp, find_weights, read_checkpoint, resolve_device

__all__ = ["COMPONENT", "STEP_S", "VoiceCurves", "VoiceTuning", "load_voice_curves"]

COMPONENT = "voice"
STEP_S = FRAMES_A_STEP * FRAME_S
"""Seconds between steps: 20 ms."""
PIECE_FRAMES = 3000
"""Audio frames of a whole file that are worked on at once: 30 s, whose loudness is taken as one."""


@dataclass(frozen=True, kw_only=True)
class VoiceTuning:
    """What is set after training, on people who were kept from it."""

    gain: tuple[float, ...] = (1.0,) * len(CHANNELS)
    """Of each channel about its rest in speech: a network that is unsure moves too little."""
    shut: tuple[float, float] = (0.2, 0.7)
    """Answers of `press` at which lips begin to meet and are shut."""


class VoiceCurves:
    """The voice network, ready to run."""

    def __init__(
        self, session: Session, *, ahead_frames: int, behind_frames: int, tuning: VoiceTuning, name: str = ""
    ) -> None:
        self._session, self._tuning = session, tuning
        self.ahead_frames, self.behind_frames = ahead_frames, behind_frames
        """Audio frames that a step depends on, after and before its own two."""
        self.name = name
        """Name and hash of the weights."""

    def of_power(self, power: NDArray[np.floating], level: float) -> NDArray[np.float32]:
        """What the mouth does.

        Args:
            power: (A, 40) mel powers; what lies before and after counts as silence.
            level: Of the speech in it, see `loudest`.

        Returns:
            (A / 2, 11) `CURVES`, in millimetres and shares; step `k` is centred between frames `2 k` and `2 k + 1`.
        """
        steps = -(-len(power) // FRAMES_A_STEP)
        behind, ahead = _even(self.behind_frames), _even(self.ahead_frames)
        padded = np.pad(power, ((behind, ahead + FRAMES_A_STEP * steps - len(power)), (0, 0)))
        found = self._session.run(mels=voice_features(padded, level)[None])["curves"][0]
        return self._tuned(found[behind // FRAMES_A_STEP :][:steps] * SCALE)

    def of_frames(self, mels: MelFrames, end: float) -> Iterator[tuple[NDArray[np.floating], NDArray[np.float32]]]:
        """A whole stream of audio from time 0 to `end` seconds, piece by piece: times (T,) in seconds, curves (T, 11).

        Audio before time 0 is heard and not answered.
        """
        total = (int(np.ceil(end / FRAME_S)) // FRAMES_A_STEP + 1) * FRAMES_A_STEP
        for first in range(0, total, PIECE_FRAMES):
            last = min(total, first + PIECE_FRAMES)
            low, high = first - _even(self.behind_frames), last + _even(self.ahead_frames)
            begin, power = mels.window(low * FRAME_S, high * FRAME_S)
            whole = np.zeros((high - low, power.shape[1]), np.float32)
            whole[begin - low : begin - low + len(power)] = power
            curves = self.of_power(whole, float(loudest(whole)))
            keep = slice((first - low) // FRAMES_A_STEP, (last - low) // FRAMES_A_STEP)
            yield (np.arange(first, last, FRAMES_A_STEP) + 1) * FRAME_S, curves[keep]
            mels.forget((last - self.behind_frames - 2) * FRAME_S)

    def _tuned(self, curves: NDArray[np.float32]) -> NDArray[np.float32]:
        """Movements of full size in speech, none in silence, and lips that shut."""
        out = curves.astype(np.float32)
        speaking = np.clip((curves[:, SPEAKING] - 0.15) / 0.35, 0, 1)[:, None]
        moved = out[:, : len(CHANNELS)] - REST
        out[:, : len(CHANNELS)] = REST + moved * np.asarray(self._tuning.gain, np.float32) * speaking
        low, high = self._tuning.shut
        out[:, PRESS] = np.clip((curves[:, PRESS] - low) / (high - low), 0, 1) * speaking[:, 0]
        out[:, GAP] = np.maximum(out[:, GAP], 0) * (1 - out[:, PRESS])
        assert out.shape[1] == len(CURVES)
        return out


def _even(num: int) -> int:
    """The next whole number of steps, in audio frames."""
    return -(-num // FRAMES_A_STEP) * FRAMES_A_STEP


def load_voice_curves(weights: str | os.PathLike[str] | None = None, *, device: str = "auto") -> VoiceCurves:
    """Read weights by catalogue name or path; None = those that ship. Read once in a process.

    Raises:
        MissingWeights: not there.
        WeightsError: there, and not the weights of a voice network of this package.
        ConfigError: there is no such device here.
    """
    path = find_weights(None if weights is None else os.fspath(weights), component=COMPONENT)
    return _load(file_stamp(path), resolve_device(device))


@lru_cache(maxsize=2)
def _load(file: FileStamp, device: str) -> VoiceCurves:
    found = read_checkpoint(file.path, component=COMPONENT, holds="voice network")
    session = found.session("curves", device=device)
    try:
        tuning = VoiceTuning(**found.config("tuning"))
        ahead, behind = int(found.header["ahead_frames"]), int(found.header["behind_frames"])
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{file.path} has an incomplete or unknown header ({error!r}); get it again") from error
    return VoiceCurves(session, ahead_frames=ahead, behind_frames=behind, tuning=tuning, name=found.name)
