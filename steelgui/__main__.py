"""`python -m steelgui` is the command `steelgui`."""

from steelgui.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
