"""What tools/test_next.sh does and refuses, on a machine made of small fake programs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.paths import ROOT

TOOLS = "bash cat cp dirname env find git grep head mkdir mv rm tail tar true"
FAKES = {
    "id": "echo 0",
    "unshare": 'while [ "${1#--}" != "$1" ]; do shift; done; exec "$@"',
    "flock": 'shift; exec "$@"',
    "debootstrap": 'echo "$*" >>"$HOME/calls"; mkdir -p "$3/etc"',
    "apt-get": "exit 1",
    "python3": "exit 1",
    "mount": 'echo "mount $*" >>"$HOME/calls"',
    "chroot": 'echo "chroot $*" >>"$HOME/calls"; [ ! -e "$HOME/failing" ]',
}


class Machine:
    """A PATH and a home of its own, and a tree with the script and a file that git does not know yet."""

    def __init__(self, folder: Path) -> None:
        self.path, self.home, self.tree = folder / "bin", folder / "home", folder / "work" / "tree"
        for made in (self.path, self.home, self.tree / "tools", folder / "work" / "shared"):
            made.mkdir(parents=True)
        for tool in TOOLS.split():
            (self.path / tool).symlink_to(shutil.which(tool) or tool)
        for name, body in FAKES.items():
            self.program(name, body)
        shutil.copy(ROOT / "tools" / "test_next.sh", self.tree / "tools")
        (self.tree / ".gitignore").write_text("build/\n.venv/\n")
        (self.tree / "kept.txt").write_text("a")
        subprocess.run(["git", "init", "--quiet"], cwd=self.tree, check=True)

    def program(self, name: str, body: str) -> None:
        path = self.path / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def run(self) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.path), "HOME": str(self.home)}
        command = [self.path / "bash", self.tree / "tools" / "test_next.sh"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    @property
    def root(self) -> Path:
        return self.tree / "build" / "next" / "root"

    @property
    def calls(self) -> list[str]:
        return (self.home / "calls").read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_root_is_made_once_and_the_tree_copied_each_time(machine: Machine) -> None:
    assert machine.run().returncode == 0
    inside = machine.root / "diptych" / "tree"
    (inside / ".venv").mkdir()
    (machine.tree / "kept.txt").rename(machine.tree / "renamed.txt")
    assert machine.run().returncode == 0
    assert sorted(path.name for path in inside.iterdir()) == [".git", ".gitignore", ".venv", "renamed.txt", "tools"]
    assert sum("trixie" in call for call in machine.calls) == 1
    assert machine.calls[-1].startswith(f"chroot {machine.root} env ")
    assert machine.calls[-1].endswith(" make -C /diptych/tree --no-print-directory test")


def test_what_lies_beside_the_tree_can_be_read_only(machine: Machine) -> None:
    assert machine.run().returncode == 0
    shared = machine.root / "diptych" / "shared"
    assert [call for call in machine.calls if call.endswith(str(shared))] == [
        f"mount --rbind ../shared {shared}",
        f"mount -o remount,bind,ro {shared}",
    ]


def test_failing_tests_fail(machine: Machine) -> None:
    assert machine.run().returncode == 0
    (machine.home / "failing").touch()
    assert machine.run().returncode == 1


@pytest.mark.parametrize(
    ("program", "body", "reason"),
    [
        ("id", "echo 1000", "A Debian 13 root takes root's rights: run it as root."),
        ("debootstrap", None, "A Debian 13 root takes debootstrap: install it."),
        ("unshare", "exit 1", "A Debian 13 root takes the right to mount, which is not given here."),
        ("debootstrap", "echo E: Failed getting release file; exit 1", "Debian's mirror is out of reach."),
    ],
)
def test_where_no_root_can_be_had_it_says_so(machine: Machine, program: str, body: str | None, reason: str) -> None:
    (machine.path / program).unlink()
    if body:
        machine.program(program, body)
    done = machine.run()
    assert done.returncode == 77
    assert done.stderr == f"diptych: {reason} Nothing was tested on TFX 1.21.\n"


def test_an_unfinished_root_is_none(machine: Machine) -> None:
    machine.program("debootstrap", 'mkdir -p "$3/etc"; echo E: no space >&2; exit 1')
    done = machine.run()
    said = "diptych: The Debian 13 root could not be made: see above. Nothing was tested on TFX 1.21.\n"
    assert (done.returncode, done.stderr) == (77, f"E: no space\n{said}")
    assert not machine.root.exists()
    machine.program("debootstrap", FAKES["debootstrap"])
    assert machine.run().returncode == 0
