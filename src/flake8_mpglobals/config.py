"""``[tool.mpglobals]``: found and read, one frozen value per file.

Every command and the flake8 plugin ask here for the settings of a file.  A wrong
setting is one :class:`ConfigError` with the place in the TOML file.
"""

from __future__ import annotations

import os

from flake8_mpglobals.options import Options
from flake8_mpglobals.settings import ConfigError, Settings

FILE = "pyproject.toml"


class Configuration:
    """The settings of every file of one run.

    ``isolated`` ignores all files, ``file`` names the only one to read, ``flags``
    lie over whatever is found.  Raises :class:`ConfigError` at once where
    ``file`` cannot be used, else where the settings of a folder are first asked.
    """

    __slots__ = ("_fixed", "_flags", "_known", "_options", "read")

    def __init__(
        self,
        *,
        isolated: bool = False,
        file: str | None = None,
        flags: Settings | None = None,
    ) -> None:
        self._flags = flags = flags or Settings()
        self.read: dict[str, bytes | None] = {}
        """What was in each settings file that was looked for, None where it is not there."""
        self._known: dict[str, Settings] = {}
        self._options: dict[int, Options] = {}
        self._fixed: Settings | None = None
        if isolated:
            self._fixed = flags
        elif file is not None:
            found = self._load(file)
            if found is None:
                raise _error(file, 0, 0, "there is no [tool.mpglobals] table")
            self._fixed = found.under(flags)

    def for_folder(self, folder: str) -> Settings:
        """Return the settings that hold in a folder (any spelling)."""
        if self._fixed is not None:
            return self._fixed
        known = self._known.get(folder)
        if known is None:
            known = self._known[folder] = self._nearest(os.path.abspath(folder))
        return known

    def for_file(self, path: str) -> Settings:
        """Return the settings that hold for a file (which need not exist)."""
        return self.for_folder(os.path.dirname(path) or os.curdir)

    def options_for(self, path: str) -> Options:
        """Return what the analysis of a file is told."""
        return self.options_under(self.for_file(path), path)

    def options_under(self, settings: Settings, path: str) -> Options:
        """Return what the analysis of a file is told where these settings hold for it."""
        if settings.per_file_ignores:
            return settings.options(path)
        options = self._options.get(id(settings))
        if options is None:
            options = self._options[id(settings)] = settings.options(path)
        return options

    def _nearest(self, folder: str) -> Settings:
        climbed: list[str] = []
        while True:
            known = self._known.get(folder)
            if known is None:
                found = self._load(os.path.join(folder, FILE), missing_ok=True)
                known = None if found is None else found.under(self._flags)
            climbed.append(folder)
            parent = os.path.dirname(folder)
            if known is None and parent == folder:
                known = self._flags
            if known is not None:
                break
            folder = parent
        for one in climbed:
            self._known[one] = known
        return known

    def _load(self, path: str, *, missing_ok: bool = False) -> Settings | None:
        data = self.read[os.path.abspath(path)] = _bytes(path, missing_ok=missing_ok)
        return _parsed(path, data)


def load(path: str) -> Settings | None:
    """Read one TOML file; None where it has no ``[tool.mpglobals]`` table.

    Raises :class:`ConfigError` for a file that cannot be read or parsed, or with
    a wrong setting.  A file that nowhere says ``mpglobals`` is not parsed.
    """
    return _parsed(path, _bytes(path, missing_ok=False))


def _bytes(path: str, *, missing_ok: bool) -> bytes | None:
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        if missing_ok:
            return None
        raise _error(path, 0, 0, _reason(error)) from None
    except OSError as error:
        raise _error(path, 0, 0, _reason(error)) from None


def _parsed(path: str, data: bytes | None) -> Settings | None:
    if data is None or b"mpglobals" not in data:
        return None
    from flake8_mpglobals.pyproject import parse

    return parse(path, os.path.dirname(os.path.abspath(path)), data)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _error(path: str, line: int, column: int, message: str) -> ConfigError:
    from flake8_mpglobals.model import FileError

    return ConfigError(FileError(path, line, column, message))
