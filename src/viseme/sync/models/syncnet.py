"""SyncNet: five frames of a face against a fifth of a second of cepstra, each to 1024 numbers compared by distance.

Knows tensors; the weights are the user's own. Names of parameters are those of the published file. What people run is
`viseme.sync.syncnet`; this module is what its graphs are made from (`tools/export_syncnet.py`).

Source:
    Chung & Zisserman, "Out of Time: Automated Lip Sync in the Wild", 2016; sizes of the published file
    (joonson/syncnet_python). Written anew from the description and the layout.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from viseme.sync.syncnet import AUDIO_LAYERS, EMBEDDING, LIP_LAYERS, ConvLayer
from viseme.weights.graphs import GraphPart

__all__ = ["SyncNet"]


def _stack(layers: tuple[ConvLayer, ...], dims: int) -> nn.Sequential:
    """Convolutions with batch normalisation and ReLU, and the pools after them."""
    conv, norm, pool = ((nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d), (nn.Conv3d, nn.BatchNorm3d, nn.MaxPool3d))[dims - 2]
    out: list[nn.Module] = []
    before = 1 if dims == 2 else 3
    for layer in layers:
        out += [conv(before, layer.width, layer.kernel, layer.stride, layer.pad), norm(layer.width), nn.ReLU()]  # type: ignore[arg-type]
        if layer.pool is not None:
            out.append(pool(*layer.pool))  # type: ignore[arg-type]
        before = layer.width
    return nn.Sequential(*out)


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, EMBEDDING))


class SyncNet(nn.Module):
    """Two stacks of convolutions, each with a head of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud, self.netfcaud = _stack(AUDIO_LAYERS, 2), _head()
        self.netcnnlip, self.netfclip = _stack(LIP_LAYERS, 3), _head()

    def embed_audio(self, x: Float[Tensor, "A 13 20"]) -> Float[Tensor, "A D"]:
        """Windows of 20 cepstra; coefficient, then time."""
        return self.netfcaud(self.netcnnaud(x[:, None])[:, :, 0, 0])

    def embed_video(self, x: Float[Tensor, "T 3 224 224"]) -> Float[Tensor, "T-4 D"]:
        """Every five frames in a row; colours in the order blue, green, red, 0 to 255."""
        return self.netfclip(self.netcnnlip(x.transpose(0, 1)[None])[0, :, :, 0, 0].transpose(0, 1))

    def graph_parts(self) -> dict[str, GraphPart]:
        """What is run; see `viseme.sync.syncnet`."""
        return {
            "video": GraphPart("embed_video", {"x": ("T", 3, 224, 224)}, ("embedding",), low=0.0, high=255.0),
            "audio": GraphPart("embed_audio", {"x": ("A", 13, 20)}, ("embedding",), low=-20.0, high=20.0),
        }
