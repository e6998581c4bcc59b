"""Which weights exist, where they lie, what they hash to, what they say about themselves, and how they are run. Knows
no network, and no torch."""

from viseme.weights.catalog import (
    WEIGHTS,
    FileStamp,
    WeightsRecord,
    assets_folder,
    file_stamp,
    find_weights,
    sha256_of,
    verify,
    weights_id,
)
from viseme.weights.checkpoint import Checkpoint, Storage, read_checkpoint, write_checkpoint
from viseme.weights.graphs import Graph, GraphPart
from viseme.weights.safetensors import TensorInfo, WeightsHeader, read_header
from viseme.weights.session import DEVICES, Session, available_devices, resolve_device

__all__ = [
    "DEVICES",
    "WEIGHTS",
    "Checkpoint",
    "FileStamp",
    "Graph",
    "GraphPart",
    "Session",
    "Storage",
    "TensorInfo",
    "WeightsHeader",
    "WeightsRecord",
    "assets_folder",
    "available_devices",
    "file_stamp",
    "find_weights",
    "read_checkpoint",
    "read_header",
    "resolve_device",
    "sha256_of",
    "verify",
    "weights_id",
    "write_checkpoint",
]
