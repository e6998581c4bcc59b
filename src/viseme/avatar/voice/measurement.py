"""How well the voice network moves the mouth on people it has not heard, beside the articulation of their phones.

Knows voices and what runs; refuses to know how it was trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseme.audio.bands import band_filters
from viseme.audio.clock import FRAME_S
from viseme.avatar.mouth import Curves, mouth_at
from viseme.avatar.voice.corpus import VoiceClip
from viseme.avatar.voice.features import FRAMES_A_STEP, PRESS, SPEAKING, loudest
from viseme.avatar.voice.runner import STEP_S, VoiceCurves, VoiceTuning
from viseme.synthetic.articulation import lip_gap_mm
from viseme.synthetic.visemes import CHANNELS, REST

__all__ = ["UNITS", "VoiceReport", "heard_curves", "known_curves", "measure", "tune"]

UNITS = ("jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthStretchLeft", "mouthLowerDownLeft",
         "mouthRollLower")  # fmt: skip
"""The expression units that speech moves most."""
TOUCH_MM = 0.7
"""Lip gap under which the lips touch."""
AROUND_S = 0.03
"""Seconds on either side within which a closure counts as the right one."""


@dataclass(frozen=True, kw_only=True)
class VoiceReport:
    """Figures of some voices."""

    num_clips: int
    minutes: float
    correlations: dict[str, float]
    """`opening` (lip gap) and each of `UNITS`: correlation with the truth over time, mean over clips."""
    closures: int
    """How often p, b or m is said."""
    shut: float
    """Share of them at which the lips touch within 30 ms."""
    false_closures: float
    """A minute of speech: lips touch where neither p, b nor m is said and nobody pauses."""
    open_in_silence: float
    """Share of the frames half a second and more away from speech in which the lips are apart."""

    def __str__(self) -> str:
        units = ", ".join(f"{name} {value:.2f}" for name, value in self.correlations.items())
        return (
            f"{self.num_clips} clips, {self.minutes:.1f} min: correlation {units}; {self.shut:.0%} of {self.closures} "
            f"p b m shut, {self.false_closures:.1f} false closures a minute, open in {self.open_in_silence:.1%} of "
            "silence"
        )


def heard_curves(voice: VoiceCurves, clip: VoiceClip) -> NDArray[np.float32]:
    """(T, 11) what the network makes of a voice, every 20 ms."""
    power = np.exp(clip.audio.astype(np.float32)) @ band_filters()
    return voice.of_power(power, float(loudest(power)))


def known_curves(clip: VoiceClip) -> NDArray[np.float32]:
    """(T, 11) the truth on the same steps."""
    even = clip.curves[: len(clip.curves) // FRAMES_A_STEP * FRAMES_A_STEP].astype(np.float32)
    return even.reshape(-1, FRAMES_A_STEP, even.shape[1]).mean(1)


def measure(voice: VoiceCurves, clips: Sequence[VoiceClip]) -> VoiceReport:
    """Figures of the voices of `clips`, at 50 frames a second."""
    correlations: dict[str, list[float]] = {name: [] for name in ("opening", *UNITS)}
    shut = false = closures = 0
    speech_s, silent, apart = 0.0, 0, 0
    for clip in clips:
        known, heard = known_curves(clip), heard_curves(voice, clip)
        num = min(len(known), len(heard))
        times = (np.arange(num) + 0.5) * STEP_S
        truth, found = (mouth_at(Curves(times=times, values=v[:num]), times).units for v in (known, heard))
        gap = lip_gap_mm(found)
        pairs = {"opening": (lip_gap_mm(truth), gap), **{n: (truth[n], found[n]) for n in UNITS}}
        for name, (a, b) in pairs.items():
            if a.std() > 1e-6 and b.std() > 1e-6:
                correlations[name].append(float(np.corrcoef(a, b)[0, 1]))
        touching = gap < TOUCH_MM
        allowed = known[:num, SPEAKING] < 0.9
        for contact, release in clip.closures + FRAME_S / 2:
            near = (times > contact - AROUND_S) & (times < release + AROUND_S)
            closures += 1
            shut += bool(touching[near].any())
            allowed |= (times > contact - 0.06) & (times < release + 0.06)
        runs = np.diff(np.concatenate([[False], touching & ~allowed]).astype(int)) == 1
        false += int(runs.sum())
        speech_s += float((known[:num, SPEAKING] > 0.5).sum() * STEP_S)
        quiet = _far_from_speech(known[:num, SPEAKING])
        silent, apart = silent + int(quiet.sum()), apart + int((gap[quiet] > TOUCH_MM).sum())
    return VoiceReport(
        num_clips=len(clips),
        minutes=sum(len(c.audio) for c in clips) * FRAME_S / 60,
        correlations={name: float(np.mean(values)) for name, values in correlations.items() if values},
        closures=closures,
        shut=shut / max(closures, 1),
        false_closures=60 * false / max(speech_s, 1.0),
        open_in_silence=apart / max(silent, 1),
    )


def _far_from_speech(speaking: NDArray[np.floating]) -> NDArray[np.bool_]:
    reach = round(0.4 / STEP_S)
    near = np.convolve(speaking > 0.05, np.ones(2 * reach + 1), "same") > 0
    return ~near


def tune(voice: VoiceCurves, clips: Sequence[VoiceClip]) -> VoiceTuning:
    """Gains that give each channel its true spread, and the answers at which lips are best taken to be shut.

    Args:
        voice: Untuned: with `VoiceTuning(shut=(0, 1))`.
        clips: Of people who were kept from training.
    """
    pairs = [(known_curves(clip), heard_curves(voice, clip)) for clip in clips]
    truth = np.concatenate([k[: min(len(k), len(h))] for k, h in pairs])
    found = np.concatenate([h[: min(len(k), len(h))] for k, h in pairs])
    spoken = truth[:, SPEAKING] > 0.9
    off = [np.sqrt(((c[spoken][:, : len(CHANNELS)] - REST) ** 2).mean(0)) for c in (truth, found)]
    gain = np.clip(off[0] / np.maximum(off[1], 1e-6), 0.8, 1.5)
    return VoiceTuning(gain=tuple(np.round(gain, 3).tolist()), shut=_shut(truth[:, PRESS], found[:, PRESS]))


def _shut(truth: NDArray[np.floating], found: NDArray[np.floating]) -> tuple[float, float]:
    """The two answers between which lips close: as many frames are shut as in truth, and none half by chance."""
    share = float((truth > 0.8).mean())
    high = float(np.quantile(found, 1 - share))
    low = float(np.quantile(found, 1 - float((truth > 0.05).mean())))
    return round(min(low, high - 0.1), 3), round(high, 3)
