"""Which ports of this machine are free; quick to import."""

from __future__ import annotations

import os
import socket

#: Where we look for one, and at how many.
FIRST, MANY = 7860, 100


def is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name != "nt":
            # As the server does it: a port left in TIME_WAIT by a stopped server is free. Windows means another thing.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def first_free(host: str = "127.0.0.1") -> int | None:
    """The first free port of ours; None where all are taken.

    Always in the same order: a browser keeps what it is allowed, and what the page has stored, for one port.
    """
    return next((port for port in range(FIRST, FIRST + MANY) if is_free(host, port)), None)
