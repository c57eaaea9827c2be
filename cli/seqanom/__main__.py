"""The `seqanom` command, also `python -m seqanom`; an interrupt while it loads is quiet too."""

from __future__ import annotations

import sys


def start() -> None:
    """Entry point of the `seqanom` command."""
    try:
        from seqanom.main import main
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        sys.exit(130)
    main()


if __name__ == "__main__":
    start()
