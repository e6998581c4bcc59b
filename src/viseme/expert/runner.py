"""Speech experts as exported, run by ONNX Runtime. Knows weights files and arrays; refuses to know torch and faces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import WeightsError
from viseme.expert.seen import Sees
from viseme.expert.unit_beam import best_units, text_of
from viseme.weights import Checkpoint, read_checkpoint

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = ["COMPONENT", "DECODER", "ShippedExpert", "load_expert"]

COMPONENT = "expert"
DECODER = "decoder."
"""Prefix of the tensors of a decoder."""


class ShippedExpert:
    """A `SpeechExpert` of a weights file; each part is loaded when it is first used.

    Points may be given as they are: their mean over the clip, which is the person's own face, is taken out here.
    """

    def __init__(self, checkpoint: Checkpoint, device: str = "auto") -> None:
        self._checkpoint, self._device = checkpoint, device
        self._parts: dict[str, Any] = {}
        self.id: str = checkpoint.name
        self.card: dict[str, Any] = checkpoint.header["card"]
        """Training data, licence and results."""
        self.phones: tuple[str, ...] = tuple(checkpoint.header.get("phones", ()))
        """Names of what `read_phones` tells apart, pause first; empty = it was not trained to."""
        self.units: tuple[str, ...] = tuple(checkpoint.header.get("units", ()))
        """What `read_text` writes with, special ones first; empty = it was not trained to."""
        config = checkpoint.config()
        self.input: Sees = config["input"]
        self.width: int = config["width"]

    def encode(
        self,
        audio: Float[np.ndarray, "T 104"] | None = None,
        video: Float[np.ndarray, "T ..."] | None = None,
        layer: int | None = None,
    ) -> Float[np.ndarray, "T D"]:
        """See `SpeechExpert.encode`."""
        given = {name: x for name, x in (("audio", audio), ("video", video)) if x is not None}
        if not given:
            raise ValueError("there is neither audio nor video")
        if audio is not None and video is not None and len(audio) != len(video):
            raise ValueError(f"{len(audio)} steps of audio for {len(video)} frames of video")
        if video is not None:
            given["video"] = self._seen(video)
        part = "both" if len(given) == 2 else next(iter(given))
        found = self._part(part).run(**{name: x[None].astype(np.float32) for name, x in given.items()})
        if layer is None:
            return found["embedding"][0]
        if not 1 <= layer <= found["layers"].shape[1]:
            raise ValueError(f"there are layers 1 to {found['layers'].shape[1]}, not {layer}")
        return found["layers"][0, layer - 1]

    def read_phones(self, video: Float[np.ndarray, "T ..."]) -> Float[np.ndarray, "T P"]:
        """Log-probabilities of `phones` in each frame, from lips alone.

        Raises:
            WeightsError: the expert was not trained to name phones.
        """
        if not self.phones:
            raise WeightsError(f"{self.id} was not trained to name phones; train it with `viseme train expert`")
        return self._part("phones").run(video=self._seen(video)[None].astype(np.float32))["phones"][0]

    def read_text(self, video: Float[np.ndarray, "T ..."], *, beam: int = 50) -> str:
        """What a clip says, from lips alone, by beam search over the expert's own units.

        Args:
            video: 25 frames a second.
            beam: See `best_units`.

        Raises:
            WeightsError: the expert has no decoder.
        """
        if not self.units:
            raise WeightsError(f"{self.id} has no decoder that writes text; published fine-tuned files have one")
        clip, part = self.encode(video=video)[None], self._part("next_units", DECODER)

        def next_units(said: NDArray[np.int64]) -> NDArray[np.float32]:
            return part.run(units=said.astype(np.float32), clip=clip)["scores"]

        return text_of(best_units(next_units, most=len(video), beam=beam)[0], self.units)

    def _seen(self, video: Float[np.ndarray, "T ..."]) -> Float[np.ndarray, "T ..."]:
        return video if self.input == "pixel" else video - video.mean(0)

    def _part(self, name: str, prefix: str = "") -> Any:
        if name not in self._parts:
            self._parts[name] = self._checkpoint.session(name, prefix=prefix, device=self._device)
        return self._parts[name]


def load_expert(weights: str | Path | None = None, *, device: str = "auto") -> ShippedExpert:
    """Read a speech expert by catalogue name or path; None is the default that ships, where there is one.

    Args:
        weights: Made by `viseme train expert` or `viseme expert import`.
        device: Where it runs, see `viseme.weights.DEVICES`.

    Raises:
        MissingWeights: not there.
        WeightsError: there, and not the weights of a speech expert.
        ConfigError: there is no such device here.
    """
    found = read_checkpoint(weights, component=COMPONENT, holds="speech expert")
    try:
        return ShippedExpert(found, device)
    except (AttributeError, KeyError, TypeError) as error:
        raise WeightsError(f"{found.path} has an incomplete or unknown header ({error!r})") from error
