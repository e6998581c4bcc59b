"""What is measured of a look at a clip, by which network. One class a family of metrics.

Knows looks and metrics; refuses to know clips and files of results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.audio.features import speech_features
from viseme.core.errors import ConfigError
from viseme.expert.interface import SpeechExpert
from viseme.expert.runner import load_expert
from viseme.faces.crop_recorder import ImagesInMemory
from viseme.faces.crops import crop_again, crop_squares
from viseme.faces.mouth_roi import mouth_input, mouth_rois
from viseme.faces.syncnet_crop import SYNCNET_PX, syncnet_frames, syncnet_squares
from viseme.metrics.lip_sync_error import lip_sync_error
from viseme.metrics.speech_similarity import avs_key, avs_m, avs_u, avs_v
from viseme.metrics.visual_sync import visual_sync_of_track
from viseme.reproduce.figure5.changes import Change, changed_images
from viseme.reproduce.figure5.looks import Look
from viseme.sync.checkpoint import SyncWeights, load_sync_weights
from viseme.sync.embeddings import without_mean
from viseme.sync.inputs.interface import visual_inputs
from viseme.sync.syncnet import UserSyncNet, load_syncnet

__all__ = ["MODES", "Meter", "Mode", "Networks", "SpeechMeter", "SyncMeter", "SyncNetMeter", "load_meters"]

Mode = Literal["crop", "frame"]
MODES: tuple[Mode, ...] = ("crop", "frame")


@dataclass(frozen=True)
class Networks:
    """Which networks are asked, by name or file."""

    sync: tuple[str, ...]
    syncnet: Path | None
    expert: str | None = None


class Meter(Protocol):
    """One family of metrics of one network."""

    modes: Sequence[Mode]
    """In which a change can show."""

    def measure(self, look: Look, change: Change, reference: Look) -> dict[str, float]:
        """Key -> value.

        Args:
            look: At the clip, its frames perhaps changed before.
            change: What is done to the aligned crops.
            reference: The look at the unchanged clip.
        """
        ...


class SyncMeter:
    """VSC and VSD. Models that see points are not asked in `crop`, where nothing moves for them."""

    def __init__(self, weights: SyncWeights) -> None:
        self._weights = weights
        self._pixels = weights.input_mode == "raw"
        self.modes: Sequence[Mode] = MODES if self._pixels else ("frame",)

    def measure(self, look: Look, change: Change, reference: Look) -> dict[str, float]:
        """See `Meter.measure`."""
        track = look.track
        if self._pixels:
            squares = crop_squares(track.landmarks)
            faces = np.stack([crop_again(*row) for row in zip(look.images[:], look.images.squares, squares)])
            px = look.canvas_px * faces.shape[1] / squares[:, 2]
            track = replace(track, images=ImagesInMemory(changed_images(faces, change, px), squares))
        found = visual_sync_of_track(self._weights, track, look.mels)
        return {f"vsc[{self._weights.name}]": found.confidence, f"vsd[{self._weights.name}]": found.distance}


class SyncNetMeter:
    """LSE-C and LSE-D on the published crop of a tracked face."""

    modes: Sequence[Mode] = MODES

    def __init__(self, model: UserSyncNet) -> None:
        self._model = model

    def measure(self, look: Look, change: Change, reference: Look) -> dict[str, float]:
        """See `Meter.measure`."""
        squares = syncnet_squares(look.track.boxes)
        frames = np.stack(list(syncnet_frames(look.images, squares, width=look.width, height=look.height)))
        px = look.canvas_px * SYNCNET_PX / squares[:, 2]
        found = lip_sync_error(self._model, changed_images(frames, change, px), len(frames), look.audio)
        return {f"lse_c[{self._model.name}]": found.confidence, f"lse_d[{self._model.name}]": found.distance}


class SpeechMeter:
    """AVS_u of the changed clip; AVS_m and AVS_v of the changed clip against the unchanged one. Experts that see points
    are not asked in `crop`, where nothing moves for them."""

    def __init__(self, expert: SpeechExpert) -> None:
        self._expert = expert
        self.modes: Sequence[Mode] = MODES if expert.input == "pixel" else ("frame",)

    def measure(self, look: Look, change: Change, reference: Look) -> dict[str, float]:
        """See `Meter.measure`; AVS_m and AVS_v where both looks are at the same frames."""
        name, video = self._expert.id, self._seen(look, change)
        audio = speech_features(look.audio, len(video))
        found = {avs_key("avs_u", name): avs_u(self._expert, video, audio).value}
        if np.array_equal(look.track.times, reference.track.times):
            real = self._seen(reference, None)
            found[avs_key("avs_m", name)] = avs_m(self._expert, video, real, audio).value
            found[avs_key("avs_v", name)] = avs_v(self._expert, video, real).value
        return found

    def _seen(self, look: Look, change: Change | None) -> NDArray[np.float32]:
        """What the expert's video stream sees."""
        if self._expert.input != "pixel":
            return without_mean(visual_inputs[self._expert.input]().of_track(look.track))
        matrix = None if change is None or change.is_none else change.matrix()
        return mouth_input(mouth_rois(look.images, look.track.landmarks, change=matrix))


def load_meters(networks: Networks) -> list[Meter]:
    """Everything that the networks measure.

    Raises:
        MissingWeights, WeightsError: a network is not there, or is something else.
        ConfigError: a sync network sees what cannot be changed here.
    """
    found: list[Meter] = []
    for name in networks.sync:
        weights = load_sync_weights(name)
        if weights.input_mode not in ("landmarks", "mesh", "beta", "raw"):
            raise ConfigError(f"{weights.name} sees {weights.input_mode}; figure 5 takes landmarks, mesh, beta or raw")
        found.append(SyncMeter(weights))
    if networks.syncnet is not None:
        found.append(SyncNetMeter(load_syncnet(networks.syncnet)))
    if networks.expert is not None:
        found.append(SpeechMeter(load_expert(networks.expert)))
    if not found:
        raise ConfigError("there is no network to ask; pass --sync-weights, --syncnet or --expert")
    return found
