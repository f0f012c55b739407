"""What the frozen program holds, and what of it is left out, with the reason; read by the spec and by its tests."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "SteelGUI"
IDENTIFIER = "org.steelgui.SteelGUI"

OWN = ("models", "training", "steelgui")
#: Files of ours beside the modules: (folder or file, where it lies in the bundle).
OWN_FILES = (
    ("assets", "assets"),
    ("models/weights", "models/weights"),
    ("training/recipes", "training/recipes"),
    # Alembic reads its steps as files.
    ("steelgui/migrations", "steelgui/migrations"),
)

#: Packages that read files beside their modules → what of those nobody reads.
DATA_PACKAGES: dict[str, tuple[str, ...]] = {
    "gradio": ("hash_seed.txt", "templates/node/**", "test_data/**", "media_assets/**", "cli/**"),
    "gradio_client": (),
    "safehttpx": (),
    "groovy": (),
}
#: Packages whose extensions are loaded by name, which PyInstaller does not see.
LIBRARY_PACKAGES = ("torchvision",)
#: Modules that are imported by a name put together at run time.
HIDDEN = (
    "sqlalchemy.dialects.mysql.pymysql",
    "pymysql",
    "sqlalchemy.dialects.postgresql.psycopg",
    "psycopg",
    "psycopg_binary",
)

#: Packages that read their own source at run time, so that it lies beside the compiled modules.
WITH_SOURCE = ("onnxscript",)

#: Only with `--video`: 100 MB, and codecs under the GPL, which then hold for the whole bundle.
VIDEO = ("av",)
#: Packages that are never imported → the reason.
EXCLUDED: dict[str, str] = {
    "triton": "compiles networks, which wants a C compiler; the bundle has no torch.compile",
    "cuda": "NVIDIA's own Python bindings; torch has its own",
    "hf_xet": "downloads; SteelGUI loads nothing from the internet",
    "setuptools": "builds packages",
    "pkg_resources": "as setuptools",
    "tkinter": "windows of another kind",
    "matplotlib": "torchmetrics plots with it, where it is there",
    "tensorboard": "torch writes its logs, where it is there",
    "IPython": "tqdm and gradio know notebooks",
    "ipykernel": "as IPython",
    "sklearn": "torch and scipy know it, where it is there",
    "pytest": "a test tool, which torch.testing knows",
    "hypothesis": "a test tool, which torch.testing knows",
    "mypy": "a checker, whose plugins pydantic, numpy and SQLAlchemy bring",
    "playwright": "a test tool",
    "sqlalchemy.testing": "SQLAlchemy's own tests",
    "pandas.tests": "pandas' own tests",
    "onnx.backend.test": "the standard's own tests",
    "onnxruntime.quantization": "tools of ONNX Runtime that no export uses",
    "onnxruntime.transformers": "as onnxruntime.quantization",
    "onnxruntime.tools": "as onnxruntime.quantization",
}
#: Files that PyInstaller's hooks bring along and nothing loads → the reason. A `*` crosses folders.
DROPPED: dict[str, str] = {
    "torch/bin/[!t]*": "compiles protocol files",
    "torch/bin/test*": "torch's own tests",
    "torch/test/*": "torch's own tests",
    "torch/lib/*_test.so": "torch's own tests",
    "torch/lib/libjitbackend*": "torch's own tests",
    "torch/lib/libbackend_with_compiler*": "torch's own tests",
    "torch/lib/libaoti_custom_ops*": "torch's own tests",
    "gradio/templates/frontend/static/ffmpeg/*": "cuts videos in gr.Video, which no page of ours has; GPL",
    "gradio/templates/frontend/static/bokeh/*": "draws gr.Plot, which no page of ours has",
    "nvidia/*/libcusolverMg.so*": "solves over several GPUs; torch does not link it",
    "nvidia/*/libnvperf_*": "reads a GPU's counters for profilers",
}


def own_modules() -> list[str]:
    """Every module of ours by its dotted name: some are found by a registry, none may be missing."""
    found = []
    for path in sorted(path for name in OWN for path in (ROOT / name).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[:2] != ("steelgui", "migrations"):
            found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return [*found, "steelgui.migrations"]


def excluded(video: bool) -> list[str]:
    return [*EXCLUDED, *(() if video else VIDEO)]


def dropped(destination: str) -> str | None:
    """The pattern that leaves a file out of the bundle; None keeps it.

    Args:
        destination: where it would lie in the bundle, with either kind of slash.
    """
    path = destination.replace("\\", "/")
    return next((pattern for pattern in DROPPED if fnmatch(path, pattern)), None)
