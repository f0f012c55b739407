# The few verbs of this project; `just` lists them.
default:
    @just --list

# Open the page.
run *ARGS:
    uv run steelgui {{ARGS}}

# All tests that CI runs.
test *ARGS:
    uv run pytest {{ARGS}}

# Format, lint, check types.
check:
    uv run ruff format
    uv run ruff check --fix
    uv run mypy

# Does it work here? Serves, inspects, trains; a minute.
selftest *ARGS:
    uv run steelgui selftest {{ARGS}}

# The frozen program, into dist/; `--archive` makes one file of it. Some minutes.
bundle *ARGS:
    uv run python build/bundle.py {{ARGS}}

# Train the bundled models again (five hours on two quick cores): in dist/, the generator as a run.
weights:
    uv run steelgui train classifier --config training/recipes/neu-classifier-start.json
    uv run steelgui train classifier --config training/recipes/neu-classifier.json
    uv run steelgui train segmenter --config training/recipes/neu-segmenter-start.json
    uv run steelgui train segmenter --config training/recipes/neu-segmenter-unmirrored.json
    uv run steelgui train segmenter --config training/recipes/neu-segmenter-whole.json
    uv run steelgui train segmenter --config training/recipes/neu-segmenter.json
    uv run steelgui train gan --config training/recipes/neu-generator.json --name neu-generator

# Milliseconds of one inspection against plain eager torch.
bench:
    uv run python benchmarks/inspect_latency.py
