"""Guards for every test: array shapes are checked at run time, and no test reaches the network."""

from __future__ import annotations

import builtins
import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jaxtyping import Float, install_import_hook

ROOT = Path(__file__).resolve().parents[1]


def _modules_with_shapes() -> list[str]:
    """Modules whose signatures name array shapes; compiled code is left alone."""
    names = []
    for path in sorted((ROOT / "src" / "viseme").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "from jaxtyping import" in text and "numba" not in text:
            names.append(".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__"))
    return names


# what people run imports jaxtyping's names for type checkers alone: here they are names that every module has
vars(builtins)["Float"] = Float
install_import_hook(_modules_with_shapes(), "shape_checks.check_arrays")  # before anything of the package is imported


class NetworkBlocked(RuntimeError):
    """A test tried to leave this computer."""


def _is_local(address: Any) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket
    try:
        return ipaddress.ip_address(address[0]).is_loopback
    except ValueError:
        return address[0] == "localhost"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections and look-ups outside this computer."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> Any:
        if not _is_local(address):
            raise NetworkBlocked(f"a test may not connect to {address}")
        return connect(self, address)

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in (None, "localhost", "127.0.0.1", "::1"):
            raise NetworkBlocked(f"a test may not look up {host!r}")
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


TOLERANCES: dict[tuple[str, str], tuple[float, float]] = {
    ("cpu", "float64"): (1e-7, 1e-9),
    ("cpu", "float32"): (1e-4, 1e-5),
    ("cuda", "float64"): (1e-7, 1e-9),
    ("cuda", "float32"): (1e-3, 1e-4),
}
"""Relative and absolute difference within which a kernel agrees with its reference, by device and dtype."""


@pytest.fixture(scope="session", params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> Any:
    """Every torch device that kernels run on; one that is not here is skipped, and says so."""
    import torch

    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device here: kernels were compared on the CPU alone")
    return torch.device(request.param)


@pytest.fixture(scope="session", params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> Any:
    """Every precision that kernels compute in."""
    import torch

    return getattr(torch, request.param)


@pytest.fixture
def agree(device: Any, dtype: Any) -> Callable[[Any, Any], None]:
    """Compare a tensor with its reference, within what `TOLERANCES` grants its device and dtype."""
    import numpy as np

    relative, absolute = TOLERANCES[device.type, str(dtype).removeprefix("torch.")]

    def compare(found: Any, expected: Any) -> None:
        assert found.device.type == device.type
        assert found.dtype == dtype
        np.testing.assert_allclose(found.detach().cpu().numpy(), np.asarray(expected), rtol=relative, atol=absolute)

    return compare
