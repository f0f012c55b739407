"""From tab to tab, whichever there are."""

from __future__ import annotations

from typing import Any

#: Until nothing changes any more, for 2 s at most: what fades in has too little contrast while it does, and what the
#: server is asked for comes a moment later. A training that is watched never comes to rest.
AT_REST = """() => {
    let last = performance.now();
    const watch = new MutationObserver(() => { last = performance.now(); });
    watch.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    const ends = (one) => one.playState === "running" && one.effect.getComputedTiming().endTime !== Infinity;
    const began = last;
    return new Promise((done) => {
        const look = () => {
            const now = performance.now();
            if (document.getAnimations().some(ends)) last = now;
            if (now - last < 300 && now - began < 2000) return setTimeout(look, 50);
            watch.disconnect();
            done();
        };
        look();
    });
}"""


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
    page.evaluate(AT_REST)
