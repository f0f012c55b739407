"""Goes through the steps and says how each came out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from steelgui.selftest.place import Place
from steelgui.selftest.steps import ALL, Step


@dataclass(frozen=True)
class Outcome:
    """`ok` is None where the step was not run."""

    name: str
    ok: bool | None
    seconds: float
    detail: str

    def line(self) -> str:
        said = {True: "ok", False: "FAILED", None: "not run"}[self.ok]
        return f"{said:<8} {self.name:<12} {self.seconds:>6.1f} s  {self.detail}"

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "ok": self.ok, "seconds": round(self.seconds, 2), "detail": self.detail}


def go_through(place: Place, tell: Callable[[Outcome], None], steps: Iterable[Step] = ALL) -> list[Outcome]:
    """Each step once, in order; one that needs a step that failed is not run."""
    outcomes: dict[str, Outcome] = {}
    for step in steps:
        missing = [name for name in step.needs if name not in outcomes or not outcomes[name].ok]
        since = time.monotonic()
        if missing:
            ok, detail = None, f"needs {missing[0]}"
        else:
            try:
                ok, detail = True, step.do(place)
            except Exception as error:
                ok, detail = False, str(error) or type(error).__name__
        outcomes[step.name] = Outcome(step.name, ok, time.monotonic() - since, detail)
        tell(outcomes[step.name])
    return list(outcomes.values())
