"""Open Sound Control over UDP: weights as VMC messages, which VSeeFace, VNyan, Warudo and others receive.

Each frame is one bundle: `/VMC/Ext/Blend/Val name value` for every weight, then `/VMC/Ext/Blend/Apply`.

Source:
    M. Wright, "The Open Sound Control 1.0 Specification", 2002; the VMC protocol, protocol.vmc.info.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence

from viseme.core.errors import ConfigError

__all__ = ["OscSender", "bundle", "message"]


def _text(value: str) -> bytes:
    data = value.encode() + b"\0"
    return data + b"\0" * (-len(data) % 4)


def message(address: str, *values: str | float) -> bytes:
    """One message; numbers are single precision.

    Example:
        >>> message("/a", 1.0)
        b'/a\\x00\\x00,f\\x00\\x00?\\x80\\x00\\x00'
    """
    kinds = "".join("s" if isinstance(value, str) else "f" for value in values)
    packed = (_text(v) if isinstance(v, str) else struct.pack(">f", v) for v in values)
    return _text(address) + _text("," + kinds) + b"".join(packed)


def bundle(messages: Sequence[bytes]) -> bytes:
    """Messages that belong together, to be acted on at once."""
    return b"#bundle\0" + struct.pack(">Q", 1) + b"".join(struct.pack(">i", len(m)) + m for m in messages)


class OscSender:
    """Sends frames to one receiver."""

    def __init__(self, target: str) -> None:
        """Open a socket.

        Args:
            target: HOST:PORT.

        Raises:
            ConfigError: it is not, or there is no such host.
        """
        host, colon, port = target.rpartition(":")
        if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ConfigError(f"{target!r} is no address; write HOST:PORT, for example 127.0.0.1:39539")
        try:
            family, kind, protocol, _, self._address = socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)[0]
        except OSError as error:
            raise ConfigError(f"{target!r} cannot be reached: {error.strerror}") from error
        self._socket = socket.socket(family, kind, protocol)

    def send(self, names: Sequence[str], weights: Sequence[float]) -> None:
        """One frame."""
        values = [message("/VMC/Ext/Blend/Val", name, value) for name, value in zip(names, weights)]
        self._socket.sendto(bundle([*values, message("/VMC/Ext/Blend/Apply")]), self._address)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()
