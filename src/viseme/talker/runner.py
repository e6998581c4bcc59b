"""The atlas talker, ready to run by ONNX Runtime: anybody's face in a video, driven by any audio. No torch.

Knows weights, a person's face and samples; refuses to know how it is put into the video. `Talker.of_video` looks at the
person of a video; what it gives is a `FaceGenerator` of `compose.interface`, as an avatar is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from viseme.compose.interface import SpokenFace, speech_arrays
from viseme.compose.target import Stretch, TargetFaces
from viseme.core.errors import WeightsError
from viseme.face3d.atlas import Cylinder
from viseme.sync.heard import HeardAudio
from viseme.sync.heard_streams import streams_of
from viseme.talker.lip_atlas import CROP, WINDOW, CarriedLips, carried, lip_shape, nearest_shapes, opening
from viseme.talker.movement import Movement
from viseme.talker.person import Person, person_of
from viseme.talker.pixel_runner import PIXELS, PixelTalker
from viseme.weights import Checkpoint, FileStamp, file_stamp, find_weights, read_checkpoint, resolve_device

__all__ = ["COMPONENT", "Talker", "TalkingPerson", "load_talker"]

COMPONENT = "talker"
CHUNK = 16
"""Frames that are made at once."""
MOST_ROWS = 1000
"""Frames whose landmarks are looked at."""
APART = 0.03
"""Opening from which lips at rest are brought together."""
SHARPEN = 0.8
"""Share of the finest structure that is added: three resamplings between two frames take as much away."""
FEATHER_PX = 8
"""Pixels at the edge of the painted window over which it passes into the person's own skin."""


class Talker:
    """One generator for everybody."""

    def __init__(self, found: Checkpoint, device: str = "auto") -> None:
        self.id: str = found.name
        """Name and hash, for results."""
        self.card: dict[str, Any] = found.header["card"]
        """Training data and results."""
        self.movement = Movement(
            mean=found.tensors["mover.mean"], basis=found.tensors["mover.basis"], usual=float(found.header["usual"])
        )
        """How faces move."""
        self.spoken = found.session("spoken", device=device)
        self.painted = found.session("painted", device=device)
        self.streams = streams_of(found, found.header["num_streams"], device)

    def of_video(self, path: str | os.PathLike[str], faces: TargetFaces, stretches: Sequence[Stretch]) -> TalkingPerson:
        """Look at the person of a video.

        Args:
            path: The video.
            faces: Of the video, followed.
            stretches: The frames of the face that is meant.

        Raises:
            FaceError: the face is turned away throughout.
        """
        total, times = sum(s.num for s in stretches), faces.times
        step = max(1, -(-total // MOST_ROWS))
        when = np.concatenate([times[s.first : s.stop : step] for s in stretches])
        landmarks = np.concatenate([faces.landmarks(s)[::step] for s in stretches])
        covered = faces.covered(stretches)
        free = ~np.concatenate([covered[s.first : s.stop : step] for s in stretches])
        if free.any():
            when, landmarks = when[free], landmarks[free]
        return TalkingPerson(self, person_of(path, when, landmarks))


class TalkingPerson:
    """One person's face, driven by any audio."""

    def __init__(self, talker: Talker, person: Person) -> None:
        self.reference: NDArray[np.float32] = np.asarray(person.reference, np.float32)
        """(468, 3) reference space."""
        self.reference_atlas: NDArray[np.float32] = person.atlas
        """(256, 256, 3) RGB in [0, 1]."""
        self.cylinder: Cylinder = person.cylinder
        """How vertices are laid onto the atlas."""
        movement, apart = talker.movement, float(opening(person.closed)) > APART
        self.rest: NDArray[np.float64] = movement.shut(person.closed) if apart else person.closed
        """(468, 3) how the person looks while nobody speaks: lips together, though the video may never show it."""
        moved = person.moved + np.asarray(person.closed - self.rest, np.float32)
        self.size: float = movement.size(moved)
        """Factor on the mean person's motion."""
        self._lean = movement.lean(moved)
        self._talker, self._person = talker, person
        self._rest = person.cylinder.coordinates(self.rest)
        self._shapes = lip_shape(person.pool.places, self._rest)

    def speak(self, samples: NDArray[np.floating], start: float, times: NDArray[np.floating]) -> Iterator[SpokenFace]:
        """See `compose.interface.FaceGenerator.speak`."""
        audio, when = speech_arrays(samples, times)
        heard = HeardAudio(self._talker.streams, audio, start)
        for at in range(0, len(when), CHUNK):
            part = when[at : at + CHUNK]
            offsets = self._talker.spoken.run(heard=heard.at(part))["vertices"]
            speech = self._talker.movement.speech(offsets)[:, None, None]
            moved = (self.size * offsets + speech * self._lean) * heard.openness(part)[:, None, None]
            vertices = np.asarray(self.rest + moved, np.float32)
            weights = np.zeros((len(part), 52), np.float32)  # not told; nothing that composes looks at them
            yield SpokenFace(times=part, vertices=vertices, lips=self.lips_of(vertices), weights=weights)

    def lips_of(self, vertices: NDArray[np.floating]) -> NDArray[np.float32]:
        """(T, 128, 128, 3) the lips as they look at (T, 468, 3) vertices."""
        places = self._person.cylinder.coordinates(vertices)
        rows, weights, far = nearest_shapes(self._shapes, lip_shape(places, self._rest))
        made = [self._carried(near, place) for near, place in zip(rows, places)]
        own = np.stack([m.crops[0] for m in made])
        seen = np.stack([np.tensordot(w, m.crops[1:], 1) for w, m in zip(weights, made)])
        window = (slice(None), *WINDOW)
        painted = self._talker.painted.run(
            own=own[window],
            seen=np.asarray(seen[window], np.float32),
            inside=np.stack([m.inside for m in made])[window],
            moved=np.stack([m.moved for m in made])[window],
            far=far[:, None],
        )["lips"]
        fine = painted - gaussian_filter(painted, (0, 1, 1, 0))
        painted = np.clip(painted + SHARPEN * fine, 0, 1)
        out = own.copy()
        out[window] += _feather() * (painted - own[window])
        return out

    def _carried(self, near: NDArray[np.intp], place: NDArray[np.float64]) -> CarriedLips:
        pool, some = self._person.pool, [0, *near.tolist()]
        return carried([pool.crops[i] for i in some], [pool.places[i] for i in some], place)


@lru_cache(maxsize=1)
def _feather() -> NDArray[np.float32]:
    """(96, 96, 1) 1 inside the window, falling to 0 at its edges."""
    side = np.arange(WINDOW[0].stop - WINDOW[0].start)
    edge = np.minimum(np.minimum(side, side[::-1]) / FEATHER_PX, 1)
    assert WINDOW[0].stop <= CROP
    return np.asarray((edge[:, None] * edge[None])[..., None], np.float32)


def load_talker(weights: str | Path | None = None, *, device: str = "auto") -> Talker | PixelTalker:
    """The generator for everybody: ours in the atlas space, or one of face crops, as the file says.

    Args:
        weights: A name of the catalogue or a file of `viseme train talker`; None = the one that ships.
        device: Where it runs, see `viseme.weights.DEVICES`.

    Raises:
        MissingWeights: not there.
        WeightsError: there, and no talker.
        ConfigError: there is no such device here.
    """
    path = find_weights(weights, component=COMPONENT)
    return _loaded(file_stamp(path), resolve_device(device))


@lru_cache(maxsize=2)
def _loaded(stamp: FileStamp, device: str) -> Talker | PixelTalker:
    found = read_checkpoint(stamp.path, component=COMPONENT, holds="talker")
    try:
        return PixelTalker(found, device) if found.header.get("model") == PIXELS else Talker(found, device)
    except (AttributeError, KeyError, TypeError) as error:
        raise WeightsError(f"{found.path} has an incomplete or unknown header ({error!r})") from error
