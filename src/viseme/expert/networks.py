"""The encoder of AV-HuBERT in plain PyTorch, with the names of parameters that published files have.

Knows tensors; refuses to know files and faces. A missing modality is zeros after its projection, before fusion.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import gelu

from viseme.expert.front_ends import AudioFrontEnd, PixelFrontEnd, PointFrontEnd
from viseme.expert.interface import AUDIO_FEATURES
from viseme.expert.sizes import ExpertConfig
from viseme.weights.graphs import GraphPart

__all__ = ["PIXELS", "Attention", "SpeechEncoder", "correlated"]

PIXELS = 88
"""Side of a mouth, where the input is pixels."""

OF_CLUSTERS = ("label_embs_concat", "final_proj.weight", "final_proj.bias")
"""Parameters that belong to the clusters of one iteration."""
POSITIONS = 128
"""Steps that the convolution of positions sees."""
GROUPS = 16
"""Of its channels."""


class Attention(nn.Module):
    """Multi-head attention with separate projections."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.k_proj, self.v_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.q_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "B T D"], kept: Float[Tensor, "C S D"], mask: Bool[Tensor, "..."] | None = None
    ) -> Float[Tensor, "B T D"]:
        """Attend from `x` to `kept`, of which there may be one for all; `mask`, broadcast to (B, heads, T, S), is True
        where that is allowed."""
        q, k, v = (
            proj(of).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for proj, of in ((self.q_proj, x), (self.k_proj, kept), (self.v_proj, kept))
        )
        if len(k) != len(q):  # one clip for several queries; `expand` would fix their number in an exported graph
            none = 0 * q[:, :1, :1, :1]
            k, v = k + none, v + none
        drop = self.dropout if self.training else 0.0
        found = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=drop)
        return self.out_proj(found.transpose(1, 2).flatten(2))


class _Layer(nn.Module):
    """x += MHA(LN x); x += fc2(GELU(fc1(LN x)))."""

    def __init__(self, config: ExpertConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config.width, config.heads, config.dropout)
        self.self_attn_layer_norm = nn.LayerNorm(config.width)
        self.fc1 = nn.Linear(config.width, config.hidden)
        self.fc2 = nn.Linear(config.hidden, config.width)
        self.final_layer_norm = nn.LayerNorm(config.width)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x: Float[Tensor, "B T D"], mask: Bool[Tensor, "..."] | None) -> Float[Tensor, "B T D"]:
        normal = self.self_attn_layer_norm(x)
        x = x + self.drop(self.self_attn(normal, normal, mask))
        return x + self.drop(self.fc2(gelu(self.fc1(self.final_layer_norm(x)))))


class _PositionConv(nn.Module):
    """Grouped convolution whose weight is v g / |v|, the norm over the first two dimensions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        start = torch.empty(width, width // GROUPS, POSITIONS).normal_(0, (4 / (POSITIONS * width)) ** 0.5)
        self.weight_g = nn.Parameter(start.norm(dim=(0, 1), keepdim=True))
        self.weight_v = nn.Parameter(start)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Float[Tensor, "B D T"]) -> Float[Tensor, "B D T"]:
        weight = self.weight_v * (self.weight_g / self.weight_v.norm(dim=(0, 1), keepdim=True))
        if self.training and x.device.type == "cpu":
            return correlated(x, weight) + self.bias[:, None]
        return nn.functional.conv1d(x, weight, self.bias, padding=POSITIONS // 2, groups=GROUPS)[..., :-1]


def correlated(x: Float[Tensor, "B D T"], weight: Float[Tensor, "D C K"]) -> Float[Tensor, "B D T"]:
    """`conv1d(x, weight, padding=K / 2, groups=D / C)` without its last step, by fast Fourier transforms: on a CPU a
    tenth of the time, and of the gradient's."""
    size, num, reach = len(x), x.shape[2], weight.shape[2]
    length = num + reach
    seen = torch.fft.rfft(x, length).view(size, GROUPS, -1, length // 2 + 1).permute(1, 3, 0, 2)
    taps = torch.fft.rfft(weight, length).view(GROUPS, -1, weight.shape[1], length // 2 + 1).permute(0, 3, 2, 1)
    found = (seen @ taps.conj()).permute(2, 0, 3, 1).flatten(1, 2)
    return torch.fft.irfft(found, length).roll(reach // 2, -1)[..., :num]


class _Transformer(nn.Module):
    def __init__(self, config: ExpertConfig) -> None:
        super().__init__()
        self.pos_conv = nn.Sequential(_PositionConv(config.width))
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        self.layer_norm = nn.LayerNorm(config.width)
        self.layer_drop = config.layer_drop
        self.drop = nn.Dropout(config.dropout)

    def forward(
        self, x: Float[Tensor, "B T D"], pad: Bool[Tensor, "B T"] | None, layer: int | None
    ) -> Float[Tensor, "B T D"]:
        found = self.outputs(x, pad, layer)[-1]
        return self.layer_norm(found) if layer is None else found

    def outputs(
        self, x: Float[Tensor, "B T D"], pad: Bool[Tensor, "B T"] | None = None, last: int | None = None
    ) -> list[Float[Tensor, "B T D"]]:
        """What each layer gives, up to layer `last`, before the last normalisation."""
        mask, found = None, []
        if pad is not None:
            x = x.masked_fill(pad[..., None], 0)
            mask = ~pad[:, None, None]
        x = self.drop(x + gelu(self.pos_conv(x.transpose(1, 2))).transpose(1, 2))
        for block in self.layers[:last]:
            if not self.training or torch.rand(()) >= self.layer_drop:
                x = block(x, mask)
            found.append(x)
        return found


class SpeechEncoder(nn.Module):
    """Audio and video of speech to one representation, 25 steps a second.

    Source:
        Shi et al., 2022, section 3; `base` and `large` have the shapes and names of the published files.
    """

    def __init__(self, config: ExpertConfig) -> None:
        super().__init__()
        self.config = config
        self.mask_emb = nn.Parameter(torch.rand(AUDIO_FEATURES))
        self.label_embs_concat = nn.Parameter(torch.rand(config.classes, config.projection))
        self.feature_extractor_audio = AudioFrontEnd(config)
        self.feature_extractor_video = (PixelFrontEnd if config.input == "pixel" else PointFrontEnd)(config)
        self.layer_norm = nn.LayerNorm(2 * config.width)
        self.post_extract_proj = nn.Linear(2 * config.width, config.width)
        self.drop = nn.Dropout(config.dropout)
        self.encoder = _Transformer(config)
        self.final_proj = nn.Linear(config.width, config.projection)
        if config.phones:
            self.phone_head = nn.Linear(config.width, config.phones)

    def grow_from(self, smaller: SpeechEncoder) -> None:
        """Begin as a network with as many layers or fewer: what it learnt, but for its clusters; layers it has not got
        begin as the identity.

        Source:
            Ours, after Chen et al., "Net2Net", 2016: a deeper network that computes the same function.
        """
        learnt = {k: v for k, v in smaller.state_dict().items() if k not in OF_CLUSTERS}
        self.load_state_dict(learnt, strict=False)
        for block in self.encoder.layers[smaller.config.layers :]:
            for last in (block.self_attn.out_proj, block.fc2):  # type: ignore[union-attr]
                nn.init.zeros_(last.weight)  # type: ignore[union-attr]
                nn.init.zeros_(last.bias)  # type: ignore[union-attr]

    def graph_parts(self) -> dict[str, GraphPart]:
        """What ships: audio alone, video alone, both, and phones seen."""
        frame = (PIXELS, PIXELS) if self.config.input == "pixel" else (self.config.num_points, 3)
        audio, video = {"audio": ("B", "T", AUDIO_FEATURES)}, {"video": ("B", "T", *frame)}
        found = ("embedding", "layers")
        parts = {
            "audio": GraphPart("heard_alone", audio, found),
            "video": GraphPart("seen_alone", video, found),
            "both": GraphPart("heard_and_seen", {**audio, **video}, found),
        }
        return parts | ({"phones": GraphPart("phones_seen", video, ("phones",))} if self.config.phones else {})

    def heard_alone(self, audio: Float[Tensor, "B T F"]) -> tuple[Tensor, Tensor]:
        """(B, T, D) and (B, L, T, D): after the last normalisation, and what each layer gives."""
        return self._embedded(audio, None)

    def seen_alone(self, video: Float[Tensor, "B T ..."]) -> tuple[Tensor, Tensor]:
        """See `heard_alone`."""
        return self._embedded(None, video)

    def heard_and_seen(self, audio: Float[Tensor, "B T F"], video: Float[Tensor, "B T ..."]) -> tuple[Tensor, Tensor]:
        """See `heard_alone`."""
        return self._embedded(audio, video)

    def phones_seen(self, video: Float[Tensor, "B T ..."]) -> Float[Tensor, "B T P"]:
        """Log-probabilities of the phones, lips alone."""
        return self.phone_head(self.encode(None, video)).log_softmax(-1)

    def _embedded(self, audio: Tensor | None, video: Tensor | None) -> tuple[Tensor, Tensor]:
        found = self.encoder.outputs(self.fuse(*self.features(audio, video)))
        return self.encoder.layer_norm(found[-1]), torch.stack(found, 1)

    def encode(
        self,
        audio: Float[Tensor, "B T F"] | None = None,
        video: Float[Tensor, "B T ..."] | None = None,
        pad: Bool[Tensor, "B T"] | None = None,
        layer: int | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Embed.

        Args:
            audio: (B, T, 104); None = missing.
            video: (B, T, 88, 88) or (B, T, K, 3); None = missing.
            pad: True at steps beyond the end of a clip.
            layer: Layer whose output is returned, from 1; None = the last, normalised.

        Raises:
            ValueError: both are missing.
        """
        return self.encoder(self.fuse(*self.features(audio, video, pad)), pad, layer)

    def features(
        self,
        audio: Float[Tensor, "B T F"] | None,
        video: Float[Tensor, "B T ..."] | None,
        pad: Bool[Tensor, "B T"] | None = None,
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B T D"]]:
        """Projected audio and video, zeros for what is missing."""
        heard = None if audio is None else self.feature_extractor_audio(audio)
        seen = None if video is None else self.feature_extractor_video(video, pad)
        there = heard if heard is not None else seen
        if there is None:
            raise ValueError("there is neither audio nor video")
        none = torch.zeros_like(there)
        return none if heard is None else heard, none if seen is None else seen

    def fuse(self, heard: Float[Tensor, "B T D"], seen: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """What enters the transformer, from projected audio and video."""
        return self.drop(self.post_extract_proj(self.layer_norm(torch.cat([heard, seen], -1))))

    def logits(self, x: Float[Tensor, "... D"]) -> Float[Tensor, "... C"]:
        """Cosine of steps with classes over .1."""
        projected = nn.functional.normalize(self.final_proj(x), dim=-1)
        return projected @ nn.functional.normalize(self.label_embs_concat, dim=-1).T / 0.1
