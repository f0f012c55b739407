"""What every command shares: results to stdout, progress to stderr, folders and recipes from the arguments."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from steelgui.preferences import PreferenceFile
from steelgui.settings import Settings, default_database_url, default_home
from training.config import ConfigError


def settings_from(arguments: argparse.Namespace) -> Settings:
    """With the user's preferences, as the page has them."""
    url = getattr(arguments, "database_url", None) or default_database_url()
    settings = Settings(home=arguments.home or default_home(), database_url=url)
    if trouble := PreferenceFile(settings).trouble:
        say(trouble)
    return settings


def read_recipe(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"--config: {path} cannot be read as JSON ({error})") from None
    if not isinstance(value, dict):
        raise ConfigError(f"--config: {path} must hold one JSON object of fields")
    return value


def print_line(text: str) -> None:
    sys.stdout.write(text + "\n")


def print_json(value: Any) -> None:
    print_line(json.dumps(value, ensure_ascii=False, allow_nan=False))
    sys.stdout.flush()


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
