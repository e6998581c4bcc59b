"""Guards for every test: array shapes are checked at run time, and no test reaches the network."""

from __future__ import annotations

import builtins
import ipaddress
import socket
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
