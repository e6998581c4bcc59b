"""The guard against the network is awake."""

from __future__ import annotations

import socket
import urllib.request

import pytest


def test_a_connection_is_refused() -> None:
    with socket.socket() as plug, pytest.raises(RuntimeError, match="may not connect"):
        plug.connect(("192.0.2.1", 80))


def test_a_look_up_is_refused() -> None:
    with pytest.raises(RuntimeError, match="may not look up"):
        socket.getaddrinfo("example.org", 80)


def test_a_download_is_refused() -> None:
    with pytest.raises(RuntimeError, match="may not"):
        urllib.request.urlopen("http://192.0.2.1/")


def test_this_computer_may_talk_to_itself() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
