"""`python -m steelgui` is the command `steelgui`."""

import multiprocessing

from steelgui.cli import main

if __name__ == "__main__":
    # In a frozen program the processes of an experiment start here again.
    multiprocessing.freeze_support()
    raise SystemExit(main())
