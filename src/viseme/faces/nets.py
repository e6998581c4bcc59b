"""The nets inside the `mediapipe==0.10.14` wheel, run as two small graphs without memory of earlier frames.

Knows MediaPipe; refuses to know tracks. `mp.solutions.face_mesh` keeps its own region of interest from
frame to frame: it cannot be reset, runs one instance per face and hides the presence score. Here the
region is an argument: one graph serves every face, two faces never swap, nothing leaks over a cut, the
score comes out, and a face costs 2.7 ms instead of 4.8 ms (two cores, no detector inside).
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import FaceError

__all__ = ["Detection", "FaceNets", "MediaPipeNets", "Points", "Roi"]

Detection = NDArray[np.float32]
"""(N, 5): x0, y0, x1, y1 in pixels of the frame given, score."""
Roi = NDArray[np.float64]
"""(N, 4): centre x, centre y, side in pixels, rotation in radians (clockwise in the image, as y is down)."""
Points = NDArray[np.float32]
"""(N, 478, 3) pixels of the frame given; z in the same scale."""


class FaceNets(Protocol):
    """What tracking needs of a set of nets. Stateless: the same arguments give the same answer."""

    def detect(self, image: NDArray[np.uint8]) -> Detection:
        """Every face in the frame, overlapping answers included."""
        ...

    def landmarks(self, image: NDArray[np.uint8], rois: Roi) -> tuple[Points, NDArray[np.float32]]:
        """Landmarks and presence score (N,) of the face in each region; score 0 = no answer."""
        ...


_DETECT = """
input_stream: "image"
output_stream: "detections"
node {{ calculator: "FaceDetection{kind}RangeCpu" input_stream: "IMAGE:image" output_stream: "DETECTIONS:detections"
  node_options {{ [type.googleapis.com/mediapipe.FaceDetectionOptions] {{ min_score_thresh: {score} }} }} }}
"""
_LANDMARKS = """
input_stream: "image"
input_stream: "roi"
output_stream: "points"
output_stream: "score"
node { calculator: "TfLiteCustomOpResolverCalculator" output_side_packet: "OP_RESOLVER:operations" }
node { calculator: "ImageToTensorCalculator"
  input_stream: "IMAGE:image" input_stream: "NORM_RECT:roi" output_stream: "TENSORS:pixels"
  options { [mediapipe.ImageToTensorCalculatorOptions.ext] {
    output_tensor_width: 192 output_tensor_height: 192 output_tensor_float_range { min: 0 max: 1 } } } }
node { calculator: "InferenceCalculator"
  input_stream: "TENSORS:pixels" input_side_packet: "OP_RESOLVER:operations" output_stream: "TENSORS:answers"
  options { [mediapipe.InferenceCalculatorOptions.ext] {
    model_path: "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite" delegate { xnnpack {} } } } }
node { calculator: "SplitTensorVectorCalculator"
  input_stream: "answers" output_stream: "regions" output_stream: "flag"
  options { [mediapipe.SplitVectorCalculatorOptions.ext] { ranges { begin: 0 end: 6 } ranges { begin: 6 end: 7 } } } }
node { calculator: "TensorsToFloatsCalculator" input_stream: "TENSORS:flag" output_stream: "FLOAT:score"
  options { [mediapipe.TensorsToFloatsCalculatorOptions.ext] { activation: SIGMOID } } }
node { calculator: "TensorsToFaceLandmarksWithAttention"
  input_stream: "TENSORS:regions" output_stream: "LANDMARKS:in_roi" }
node { calculator: "LandmarkProjectionCalculator"
  input_stream: "NORM_LANDMARKS:in_roi" input_stream: "NORM_RECT:roi" output_stream: "NORM_LANDMARKS:points" }
"""
_POINT = np.dtype([("head", "V2"), ("tx", "u1"), ("x", "<f4"), ("ty", "u1"), ("y", "<f4"), ("tz", "u1"), ("z", "<f4")])
"""One `NormalizedLandmark` inside a serialised list: tag, length, then three tagged floats."""
_NOISE = re.compile(r"^(INFO: Created TensorFlow|WARNING: All log messages before absl|[IW]\d{4} )")
_import_lock = threading.Lock()


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep the C++ log lines of MediaPipe off file descriptor 2; anything else written there is passed on."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held.read().splitlines(keepends=True):
                if failed or not _NOISE.match(line.decode(errors="replace")):
                    os.write(2, line)


def load_mediapipe() -> SimpleNamespace:
    """MediaPipe's bindings under short names.

    Raises:
        FaceError: the package is missing, broken, or of another version than its graphs are written for.
    """
    with _import_lock:
        try:
            package = import_module("mediapipe")
            bindings = import_module("mediapipe.python._framework_bindings")
            names = SimpleNamespace(
                Graph=import_module("mediapipe.python._framework_bindings.calculator_graph").CalculatorGraph,
                Rect=import_module("mediapipe.framework.formats.rect_pb2").NormalizedRect,
                DetectionMessage=import_module("mediapipe.framework.formats.detection_pb2").Detection,
                create=import_module("mediapipe.python.packet_creator"),
                read=bindings._packet_getter,
                rgb=package.ImageFormat.SRGB,
            )
        except Exception as error:  # an optional native package may fail in many ways
            raise FaceError(
                f"the face nets could not be loaded ({type(error).__name__}: {error}); pip install 'mediapipe==0.10.14'"
            ) from error
        root = Path(package.__path__[0]).parent
        if not (root / "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite").exists():
            raise FaceError(
                f"mediapipe {package.__version__} does not carry the face nets; pip install 'mediapipe==0.10.14', "
                "or use the tracker 'mediapipe-tasks' with a face_landmarker.task file"
            )
        bindings.resource_util.set_resource_dir(str(root))
        return names


class _Graph:
    """One MediaPipe graph, fed and read synchronously."""

    def __init__(self, mp: SimpleNamespace, text: str, outputs: tuple[str, ...]) -> None:
        self._now = 0
        self._answers: dict[tuple[str, int], Any] = {}
        self._graph = mp.Graph(graph_config=text)
        for name in outputs:
            self._graph.observe_output_stream(name, self._keep, False)
        self._graph.start_run({})

    def _keep(self, name: str, packet: Any) -> None:
        self._answers[name, packet.timestamp.value] = packet

    def put(self, **packets: Any) -> int:
        """Feed one packet per input stream; returns the key for `get`."""
        self._now += 1
        for name, packet in packets.items():
            self._graph.add_packet_to_input_stream(name, packet.at(self._now))
        return self._now

    def wait(self) -> None:
        self._graph.wait_until_idle()

    def get(self, name: str, key: int) -> Any:
        """The packet of an output stream, or None when the graph gave none."""
        return self._answers.pop((name, key), None)


class MediaPipeNets:
    """Detector (short and full range) and attention landmarks, all from the wheel."""

    def __init__(self, *, min_score: float = 0.3, num_workers: int = 2) -> None:
        """Load the nets.

        Args:
            min_score: Detections below it are dropped.
            num_workers: Graphs among which several faces of one frame are dealt out.

        Raises:
            FaceError: the package or its nets could not be loaded.
        """
        with quiet_stderr():
            self._mp = load_mediapipe()
            try:
                self._detectors = [
                    _Graph(self._mp, _DETECT.format(kind=kind, score=min_score), ("detections",))
                    for kind in ("Short", "Full")
                ]
                self._meshes = [_Graph(self._mp, _LANDMARKS, ("points", "score")) for _ in range(num_workers)]
                blank = np.zeros((64, 64, 3), np.uint8)  # the first run writes log lines too
                self.detect(blank)
                self.landmarks(blank, np.tile([32.0, 32.0, 48.0, 0.0], (num_workers, 1)))
            except RuntimeError as error:
                raise FaceError(f"the face nets could not be started: {error}") from error

    def detect(self, image: NDArray[np.uint8]) -> Detection:
        """See `FaceNets.detect`; both ranges, not merged."""
        packet = self._frame(image)
        keys = [graph.put(image=packet) for graph in self._detectors]
        found: list[tuple[float, ...]] = []
        for graph, key in zip(self._detectors, keys):
            graph.wait()
            answer = graph.get("detections", key)
            if answer is None:
                continue
            for message in self._mp.read._get_serialized_proto_list(answer):
                face = self._mp.DetectionMessage.FromString(message)
                box = face.location_data.relative_bounding_box
                found.append((box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height, face.score[0]))
        height, width = image.shape[:2]
        return np.array(found, np.float32).reshape(-1, 5) * np.array([width, height, width, height, 1], np.float32)

    def landmarks(self, image: NDArray[np.uint8], rois: Roi) -> tuple[Points, NDArray[np.float32]]:
        """See `FaceNets.landmarks`."""
        height, width = image.shape[:2]
        points = np.zeros((len(rois), 478, 3), np.float32)
        scores = np.zeros(len(rois), np.float32)
        packet = self._frame(image)
        graphs = [self._meshes[i % len(self._meshes)] for i in range(len(rois))]
        keys = [graph.put(image=packet, roi=self._rect(roi, width, height)) for graph, roi in zip(graphs, rois)]
        for i, (graph, key) in enumerate(zip(graphs, keys)):
            graph.wait()
            raw = np.frombuffer(self._mp.read._get_serialized_proto(graph.get("points", key)), _POINT)
            points[i] = np.stack([raw["x"] * width, raw["y"] * height, raw["z"] * width], axis=1)
            scores[i] = self._mp.read.get_float(graph.get("score", key))
        return points, scores

    def _frame(self, image: NDArray[np.uint8]) -> Any:
        return self._mp.create.create_image_frame(data=np.ascontiguousarray(image), image_format=self._mp.rgb)

    def _rect(self, roi: NDArray[np.float64], width: int, height: int) -> Any:
        x, y, side, rotation = map(float, roi)
        return self._mp.create.create_proto(
            self._mp.Rect(
                x_center=x / width, y_center=y / height, width=side / width, height=side / height, rotation=rotation
            )
        )
