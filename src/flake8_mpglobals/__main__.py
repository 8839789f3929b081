"""``python -m flake8_mpglobals`` is the ``mpglobals`` command."""

from flake8_mpglobals.cli import main

if __name__ == "__main__":
    main(prog_name="mpglobals")
