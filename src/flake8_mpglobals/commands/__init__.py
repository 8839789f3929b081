"""What the subcommands do; :mod:`flake8_mpglobals.cli` says how they are called."""
