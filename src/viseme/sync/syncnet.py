"""SyncNet with the user's own weights, as a `SyncModel`: no torch is needed, and no code of the file is run.

Knows the published file's layout and what the network takes; refuses to know crops, files of media and what its
distances are used for (`viseme.metrics.lip_sync_error`). No weights of it come with this package.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import WeightsError
from viseme.sync.interface import SyncSpecification
from viseme.weights import FileStamp, Session, assets_folder, file_stamp, find_weights, resolve_device, weights_id
from viseme.weights.torch_file import read_state_arrays

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = [
    "AUDIO_LAYERS",
    "EMBEDDING",
    "IMAGE_PX",
    "LIP_LAYERS",
    "ConvLayer",
    "UserSyncNet",
    "load_syncnet",
    "syncnet_layout",
]

IMAGE_PX = 224
"""Side of the frames that the network sees."""
WINDOW_FRAMES = 5
WINDOW_CEPSTRA = 20
EMBEDDING = 1024
BATCH = 16
"""Windows of frames embedded at a time: 250 MB."""


class ConvLayer(NamedTuple):
    """A convolution with batch normalisation and ReLU, and the pool after it: kernel, stride, padding."""

    width: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...] | int = 1
    pad: tuple[int, ...] | int = 0
    pool: tuple[Any, Any, Any] | None = None


AUDIO_LAYERS = (
    ConvLayer(64, (3, 3), 1, 1, (1, 1, 0)),
    ConvLayer(192, (3, 3), 1, 1, (3, (1, 2), 0)),
    ConvLayer(384, (3, 3), 1, 1),
    ConvLayer(256, (3, 3), 1, 1),
    ConvLayer(256, (3, 3), 1, 1, (3, 2, 0)),
    ConvLayer(512, (5, 4)),
)
"""Over coefficient and time of (13, 20) cepstra."""
_POOL = ((1, 3, 3), (1, 2, 2))
LIP_LAYERS = (
    ConvLayer(96, (5, 7, 7), (1, 2, 2), 0, (*_POOL, 0)),
    ConvLayer(256, (1, 5, 5), (1, 2, 2), (0, 1, 1), (*_POOL, (0, 1, 1))),
    ConvLayer(256, (1, 3, 3), 1, (0, 1, 1)),
    ConvLayer(256, (1, 3, 3), 1, (0, 1, 1)),
    ConvLayer(256, (1, 3, 3), 1, (0, 1, 1), (*_POOL, 0)),
    ConvLayer(512, (1, 6, 6)),
)
"""Over time, height and width of frames."""


def syncnet_layout() -> dict[str, tuple[int, ...]]:
    """Name -> shape of every tensor of the published file, but for the counters that training keeps."""
    out: dict[str, tuple[int, ...]] = {}
    for prefix, layers, before in (("netcnnaud", AUDIO_LAYERS, 1), ("netcnnlip", LIP_LAYERS, 3)):
        place = 0
        for layer in layers:
            out |= {f"{prefix}.{place}.weight": (layer.width, before, *layer.kernel)}
            out |= {f"{prefix}.{place}.bias": (layer.width,)}
            out |= _norm(f"{prefix}.{place + 1}", layer.width)
            place += 3 if layer.pool is None else 4
            before = layer.width
    for prefix in ("netfcaud", "netfclip"):
        out |= {f"{prefix}.0.weight": (512, 512), f"{prefix}.0.bias": (512,)}
        out |= _norm(f"{prefix}.1", 512)
        out |= {f"{prefix}.3.weight": (EMBEDDING, 512), f"{prefix}.3.bias": (EMBEDDING,)}
    return out


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.{part}": (width,) for part in ("weight", "bias", "running_mean", "running_var")}


class UserSyncNet:
    """The two stacks on one device."""

    specification = SyncSpecification(
        audio_features="mfcc", window_frames=WINDOW_FRAMES, rate=Fraction(25), comparison="distance"
    )
    scale = 1.0
    """Not used: distances have no factor."""

    def __init__(self, video: Session, audio: Session, *, name: str) -> None:
        self._video, self._audio = video, audio
        self.name = name
        """Name and hash of the user's file."""

    def embed_video(self, x: Float[np.ndarray, "T 3 224 224"]) -> Float[np.ndarray, "T-4 D"]:
        """(T - 4, 1024), row `i` of frames `i` to `i + 4`; none of fewer than five frames.

        Args:
            x: Frames, colours in the order blue, green, red, 0 to 255.
        """
        num, wide = max(0, len(x) + 1 - WINDOW_FRAMES), WINDOW_FRAMES - 1
        parts = [self._video.run(x=x[at : min(at + BATCH, num) + wide])["embedding"] for at in range(0, num, BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, EMBEDDING), np.float32)

    def embed_audio(self, mels: Float[np.ndarray, "P A 13"]) -> Float[np.ndarray, "P T D"]:
        """(P, T, 1024), row `i` of cepstra `4 i` to `4 i + 19`; see `viseme.audio.features.mfcc`."""
        if mels.shape[1] < WINDOW_CEPSTRA:
            return np.zeros((len(mels), 0, EMBEDDING), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(mels, WINDOW_CEPSTRA, axis=1)[:, ::4]
        found = self._audio.run(x=windows.reshape(-1, 13, WINDOW_CEPSTRA).astype(np.float32))["embedding"]
        return found.reshape(len(mels), -1, EMBEDDING)


def load_syncnet(path: str | Path, *, device: str = "auto") -> UserSyncNet:
    """Read the user's file: a state dict as torch saves it, of exactly the published layout.

    A file is read once in a process, see `load_sync_weights`.

    Args:
        path: The published `syncnet_v2.model`, or weights of the same network.
        device: Where it runs, see `viseme.weights.DEVICES`.

    Raises:
        MissingWeights: there is no such file.
        WeightsError: it holds something else; the message names the first tensor that does not fit.
        ConfigError: there is no such device here.
    """
    return _load(file_stamp(find_weights(path)), resolve_device(device))


@lru_cache(maxsize=2)
def _load(file: FileStamp, device: str) -> UserSyncNet:
    state = _checked(read_state_arrays(file.path), file.path)
    sessions = []
    for part, prefixes in (("video", ("netcnnlip.", "netfclip.")), ("audio", ("netcnnaud.", "netfcaud."))):
        graph = (assets_folder() / "syncnet" / f"{part}.onnx").read_bytes()
        own = {name: value for name, value in state.items() if name.startswith(prefixes)}
        sessions.append(Session(graph, own, device=device))
    return UserSyncNet(*sessions, name=weights_id(file.path))


def _checked(state: dict[str, NDArray[Any]], path: Path) -> dict[str, NDArray[np.float32]]:
    """The tensors of the layout and no others, in single precision."""
    layout = syncnet_layout()
    found = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    wrong = [name for name in layout if name not in found or found[name].shape != layout[name]]
    wrong += [name for name in found if name not in layout]
    if wrong:
        shape = found[wrong[0]].shape if wrong[0] in found else "missing"
        raise WeightsError(
            f"{path} are not weights of SyncNet: {wrong[0]!r} is {shape}, not {layout.get(wrong[0], 'there')}; get "
            "syncnet_v2.model from its authors"
        )
    return {name: np.asarray(found[name], np.float32) for name in layout}
