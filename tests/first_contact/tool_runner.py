"""Runs the scripts of ``tools`` in an environment that holds the tools."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.first_contact.pictures import Item, picture_bytes
from tests.paths import ROOT

_SCRIPTS = Path(__file__).parent / "tools"
_LOCK = _SCRIPTS / "requirements.txt"
_ENVIRONMENT = ROOT / "build" / "first_contact_tools"


@dataclass(frozen=True)
class Tools:
    """The tools, in an environment of their own.

    Attributes:
        server: the process that runs the scripts.
    """

    server: subprocess.Popen[str]

    def run(self, script: str, folder: Path, rows: Sequence[Item], *arguments: str) -> None:
        """Lets a script of ``tools`` write rows into a folder."""
        with TemporaryDirectory() as scratch:
            values = []
            for number, row in enumerate(rows):
                image = Path(scratch) / f"{number:04d}.png"
                image.write_bytes(picture_bytes(row.picture))
                values.append({**asdict(row), "image": str(image)})
            listed = Path(scratch) / "rows.json"
            listed.write_text(json.dumps(values), encoding="utf-8")
            self._run([str(_SCRIPTS / script), str(folder), str(listed), *arguments])

    def _run(self, command: list[str]) -> None:
        assert self.server.stdin and self.server.stdout
        print(json.dumps(command), file=self.server.stdin, flush=True)
        problem = json.loads(self.server.stdout.readline())
        assert problem is None, problem


@contextmanager
def open_tools() -> Iterator[Tools]:
    """Starts the tools inside the ``with`` block."""
    command = [_install(), _SCRIPTS / "server.py"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        yield Tools(server)
        assert server.stdin
        server.stdin.close()


def _install() -> Path:
    """Makes the environment as the lock says, or finds it made; returns its interpreter."""
    digest = hashlib.sha256(_LOCK.read_bytes() + sys.version.encode()).hexdigest()
    stamp = _ENVIRONMENT / "lock.sha256"
    python = _ENVIRONMENT / "bin" / "python"
    if not stamp.exists() or stamp.read_text(encoding="ascii") != digest:
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, _ENVIRONMENT], check=True)
        install = [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, _LOCK]
        subprocess.run(install, check=True)
        stamp.write_text(digest, encoding="ascii")
    return python
