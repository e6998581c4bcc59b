"""Write the graphs of SyncNet that come with the package; they hold no weights. Needs torch and onnx.

python tools/export_syncnet.py
"""

from __future__ import annotations

from viseme.sync.models.syncnet import SyncNet
from viseme.weights import assets_folder
from viseme.weights.export import export_graphs


def main() -> None:
    """Write both graphs into the assets."""
    folder = assets_folder() / "syncnet"
    folder.mkdir(exist_ok=True)
    for part, graph in export_graphs(SyncNet()).items():
        (folder / f"{part}.onnx").write_bytes(graph.model)
        print(f"{part}.onnx: {len(graph.model):,} bytes, {len(graph.weights)} weights")


if __name__ == "__main__":
    main()
