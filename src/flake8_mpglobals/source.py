"""From bytes to text to tree: one file under check, and why it cannot be read.

The fast path stops after :attr:`Source.data`; decoding and parsing happen only
for files that the prefilter lets through.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings

from flake8_mpglobals.model import FileError
from flake8_mpglobals.records import frozen

_LINE_END = re.compile(r"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"


class SourceError(Exception):
    """A file that cannot be decoded or parsed; ``error`` says where and why."""

    def __init__(self, error: FileError) -> None:
        super().__init__(error.message)
        self.error = error


@frozen
class Source:
    r"""The text of one file as it was handed over.

    ``text`` keeps the line ends of the file and has no byte order mark;
    ``lines`` are without their line ends, split as Python's parser splits
    (``\n``, ``\r\n``, ``\r``; a form feed does not end a line).
    ``starts`` holds the character offset in ``text`` at which each line begins.
    """

    path: str
    text: str
    lines: tuple[str, ...]
    starts: tuple[int, ...]
    encoding: str = "utf-8"
    bom: bool = False

    @classmethod
    def from_bytes(cls, path: str, data: bytes) -> Source:
        """Decode by byte order mark or coding cookie, UTF-8 otherwise.

        Raises :class:`SourceError` for a NUL byte, an unknown encoding or bytes
        that the encoding does not allow.
        """
        nul = data.find(b"\0")
        if nul >= 0:
            line, column = _position(data[:nul])
            raise SourceError(FileError(path, line, column, "source contains a NUL byte"))
        bom = data.startswith(_BOM)
        body = data[len(_BOM) :] if bom else data
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
            if encoding == "utf-8-sig":
                encoding = "utf-8"
            text = body.decode(encoding)
        except UnicodeDecodeError as error:
            line, column = _position(body[: error.start])
            message = f"cannot decode as {error.encoding}: {error.reason}"
            raise SourceError(FileError(path, line, column, message)) from None
        except (SyntaxError, LookupError) as error:
            message = getattr(error, "msg", None) or str(error)
            raise SourceError(FileError(path, 1, 1, str(message))) from None
        return cls.from_text(path, text, encoding, bom)

    @classmethod
    def from_text(cls, path: str, text: str, encoding: str = "utf-8", bom: bool = False) -> Source:
        """Wrap text that is decoded already (stdin, or the lines flake8 hands over)."""
        lines: list[str] = []
        starts: list[int] = [0]
        begin = 0
        for match in _LINE_END.finditer(text):
            lines.append(text[begin : match.start()])
            begin = match.end()
            starts.append(begin)
        lines.append(text[begin:])
        return cls(path, text, tuple(lines), tuple(starts), encoding, bom)

    def encode(self, text: str | None = None) -> bytes:
        """Return ``text`` (default: this file's) as the bytes that belong on disk."""
        data = (self.text if text is None else text).encode(self.encoding)
        return _BOM + data if self.bom else data

    def column(self, line: int, utf8_offset: int) -> int:
        """Turn an ``ast`` position (line from 1, UTF-8 byte offset) into a column from 1."""
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        if text.isascii():
            return utf8_offset + 1
        return len(text.encode()[:utf8_offset].decode("utf-8", "ignore")) + 1

    def offset(self, line: int, utf8_offset: int) -> int:
        """Turn an ``ast`` position into a character offset in :attr:`text`."""
        return self.starts[line - 1] + self.column(line, utf8_offset) - 1

    def parse(self) -> ast.Module:
        """Parse with the running interpreter; raise :class:`SourceError` if it cannot.

        ``MemoryError`` and ``RecursionError`` are what CPython 3.11 to 3.13 raise
        for expressions nested too deeply; they are reported, never passed on.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self.text, filename=self.path)
        except SyntaxError as error:
            line = error.lineno or 1
            column = error.offset or 1
            raise SourceError(
                FileError(self.path, line, max(column, 1), f"syntax error: {error.msg}")
            ) from None
        except (RecursionError, MemoryError):
            message = "nested too deeply for this Python's parser"
            raise SourceError(FileError(self.path, 1, 1, message)) from None
        except ValueError as error:
            raise SourceError(FileError(self.path, 1, 1, str(error))) from None


def _position(before: bytes) -> tuple[int, int]:
    """Return line and column (from 1) of the byte that follows ``before``."""
    lines = before.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return len(lines), len(lines[-1].decode("utf-8", "replace")) + 1
