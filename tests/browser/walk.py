"""From tab to tab, whichever there are."""

from __future__ import annotations

from typing import Any


def tabs(page: Any) -> list[str]:
    """Every tab of the page by its id, in the order in which they stand."""
    items = "window.gradio_config.components.filter((c) => c.type === 'tabitem').map((c) => c.props.id)"
    found = page.evaluate(items)
    return [tab for tab in found if page.evaluate("(tab) => Boolean(window.steelguiTab(tab))", tab)]


def open_tab(page: Any, tab: str) -> None:
    """In the row, or from the menu where the window is narrow; with time for what it asks of the server."""
    page.evaluate("(tab) => window.steelguiTab(tab).click()", tab)
    page.wait_for_function(
        "(tab) => [...document.querySelectorAll(`#tab-${tab}`)].some((panel) => panel.offsetParent)", arg=tab
    )
    if tab == "settings":
        page.wait_for_selector("#settings-language input:checked", state="attached")
    # What fades in has too little contrast while it does; the page has no event for its end.
    page.wait_for_timeout(1000)
