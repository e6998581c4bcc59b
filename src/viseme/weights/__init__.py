"""Which weights exist, where they lie, what they hash to and what they say about themselves. Knows no network."""

from viseme.weights.catalog import WEIGHTS, WeightsRecord, assets_folder, find_weights, sha256_of, verify, weights_id
from viseme.weights.safetensors import TensorInfo, WeightsHeader, read_header

__all__ = [
    "WEIGHTS",
    "TensorInfo",
    "WeightsHeader",
    "WeightsRecord",
    "assets_folder",
    "find_weights",
    "read_header",
    "sha256_of",
    "verify",
    "weights_id",
]
