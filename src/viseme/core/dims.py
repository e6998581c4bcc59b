"""The alphabet of array dimensions, for signatures such as `Float[Tensor, "B T D"]`. A test knows no other letters."""

__all__ = ["DIMS"]

DIMS = {
    "A": "audio frames",
    "B": "batch",
    "C": "channels or coordinates",
    "D": "features",
    "E": "features after a layer",
    "F": "triangles",
    "H": "height, pixels",
    "K": "landmarks",
    "L": "candidate delays",
    "M": "mel bands",
    "N": "face tracks or windows",
    "O": "outputs, such as classes",
    "P": "phases of the audio frames against the grid",
    "S": "samples",
    "T": "video frames or grid steps",
    "V": "vertices",
    "W": "width, pixels",
}
"""Letter -> what it counts."""
