"""Writes down whom this process talks to beyond this machine, where $STEELGUI_CONNECTIONS names a file.

Quick to import. It sees what Python code does, and the names that it looks up; a library that opens sockets in C goes
past it.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

VARIABLE = "STEELGUI_CONNECTIONS"
#: Audit event of Python → which of its arguments says where to.
_EVENTS: dict[str, Callable[..., Any]] = {
    "socket.connect": lambda _, address: address,
    "socket.sendto": lambda _, address: address,
    "socket.sendmsg": lambda _, address: address,
    "socket.getaddrinfo": lambda host, port, *_: (host, port),
    "socket.gethostbyname": lambda host: (host,),
    "socket.gethostbyaddr": lambda host: (host,),
    "socket.getnameinfo": lambda address: address,
}


def watch() -> None:
    """From now on, for as long as this process lives; does nothing without the variable."""
    named = os.environ.get(VARIABLE)
    if not named:
        return
    path, process = Path(named), f"{os.getpid()} {' '.join(sys.argv[1:3])}"
    _write(path, f"watching {process}")

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _EVENTS and (where := outward(_EVENTS[event](*arguments))):
            _write(path, f"outward {process}: {event.removeprefix('socket.')} {where}")

    sys.addaudithook(hook)


def outward(address: Any) -> str | None:
    """The address as text if it is not of this machine. Unix sockets, loopback and "any of ours" are."""
    if not isinstance(address, tuple) or not address or address[0] is None:
        return None
    host = address[0].decode("ascii", "replace") if isinstance(address[0], bytes) else str(address[0])
    if host in ("", "localhost"):
        return None
    try:
        ip = ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        pass  # a name; looking it up asks somebody
    else:
        ip = getattr(ip, "ipv4_mapped", None) or ip
        if ip.is_loopback or ip.is_unspecified:
            return None
    return ":".join(str(part) for part in (host, *address[1:2]) if part is not None)


def _write(path: Path, line: str) -> None:
    # Short lines that are appended do not mix, whoever else writes.
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
