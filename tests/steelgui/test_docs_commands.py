"""Every command that the documents name is one: it parses as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from steelgui.api.app import api
from steelgui.cli import COMMANDS, build_parser
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
#: Documents whose commands are whole: values in capitals stand for the reader's own.
WHOLE = ("earlier-systems.md", "castings.md", "desktop.md")


def commands(document: str) -> list[str]:
    """Without comments; of a table the code in a cell, of a block the line."""
    text = (DOCS / document).read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    lines = [line.split("#")[0].strip() for line in blocks.splitlines()]
    inline = re.findall(r"(?<!`)`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    found = [re.sub(r"^uv run ", "", line) for line in (*lines, *inline)]
    return [line for line in found if line.startswith("steelgui ")]


@pytest.mark.parametrize("document", WHOLE)
def test_commands_parse(document: str) -> None:
    found = commands(document)
    assert len(found) >= 5
    for command in found:
        words = shlex.split(command)[1:]
        assert words[0] in COMMANDS, command
        parsed = build_parser(words).parse_args(words)
        assert parsed.command == words[0]


def test_a_command_that_is_none_would_be_found() -> None:
    with pytest.raises(SystemExit):
        build_parser(["inspect"]).parse_args(["inspect", "DIR", "--no-such-flag"])


def test_curl_asks_what_the_api_answers(tmp_path: Path) -> None:
    asked = re.findall(r"`curl [^`]*/api/v1(/[^`\s]*)`", (DOCS / "earlier-systems.md").read_text(encoding="utf-8"))
    assert asked
    paths = api(Workbench(Settings(home=tmp_path))).openapi()["paths"]
    assert all("post" in paths[path] for path in asked)
