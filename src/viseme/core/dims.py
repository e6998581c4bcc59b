"""The alphabet of tensor dimensions, for signatures such as `Float[Tensor, "B T D"]`."""

DIMS = {
    "B": "batch",
    "T": "video frames or grid steps",
    "S": "samples",
    "A": "audio frames",
    "M": "mel bands",
    "N": "face tracks or windows",
    "K": "landmarks",
    "V": "vertices",
    "F": "triangles",
    "D": "features",
    "L": "candidate delays",
}
