"""A public link to the page, through Gradio's tunnel: the one thing here that needs the internet."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlparse

if TYPE_CHECKING:
    import gradio as gr

    from steelgui.settings import Settings


class SharingError(Exception):
    """There is no public link; the message is one sentence."""


def public_link(page: gr.Blocks, settings: Settings) -> str:
    """Open a tunnel to the page, which is being served, and return its address; it takes up to a minute.

    Instead of `launch(share=True)`, which writes into the folder that SteelGUI was started from, keeps the page waiting
    for the internet, and says on stdout what went wrong. `$GRADIO_SHARE_SERVER_ADDRESS` names a tunnel server of one's
    own, as for every Gradio program.

    Raises:
        SharingError: the internet, or the tunnel's server, cannot be reached.
    """
    from gradio import networking, tunneling
    from gradio.exceptions import ChecksumMismatchError

    networking.CERTIFICATE_PATH = str(settings.cache / "tunnel.pem")  # type: ignore[attr-defined]
    try:
        address = networking.setup_tunnel(
            local_host=page.server_name,
            local_port=page.server_port,
            share_token=page.share_token,
            share_server_address=None,
            share_server_tls_certificate=None,
        )
    except ChecksumMismatchError as error:
        raise SharingError(f"{tunneling.BINARY_PATH} is not what it should be; delete it and try again.") from error
    except Exception as error:
        # Whatever the network, a proxy or the tunnel's program comes up with.
        reason = (str(error.__cause__ or error).splitlines() or [type(error).__name__])[-1]
        raise SharingError(f"A public link needs the internet, which cannot be reached ({reason}).") from error
    return for_visitors(address, own_server=networking.GRADIO_SHARE_SERVER_ADDRESS is not None)


def for_visitors(address: str, *, own_server: bool) -> str:
    """What a tunnel tells, as visitors open it: Gradio's servers speak TLS although they say http, and it ends in a
    slash as the page's own address does.
    """
    return urlparse(address)._replace(scheme="http" if own_server else "https", path="/").geturl()
