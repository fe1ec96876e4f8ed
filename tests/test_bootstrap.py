"""What bootstrap.sh chooses and when it works again, on machines made of small fake programs."""

import re
import shutil
import subprocess
import venv
from pathlib import Path

import pytest

from tests.paths import ROOT

TOOLS = "bash cat chmod cp cut dirname find flock head mkdir rm sed sha256sum sort tail"

# Answers the probe, shows its version, and makes environments that hold a fake uv, which writes
# down its calls and fails while the file `broken` is there.
PYTHON = """#!/bin/sh
case "$1 $2" in
-c*) echo {version} {lacks} ;;
-VV*) echo Python {version} ;;
"-m venv")
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
    cat >"$3/bin/uv" <<'UV'
#!/bin/sh
echo "$*" >>"$HOME/calls"
[ ! -e "$HOME/broken" ]
UV
    chmod +x "$3/bin/uv" ;;
esac
"""


class Machine:
    """A PATH of its own, a home of its own, and a copy of the tree."""

    def __init__(self, root: Path) -> None:
        self.path, self.home, self.tree = root / "bin", root / "home", root / "tree"
        for folder in (self.path, self.home, self.tree):
            folder.mkdir()
        for tool in TOOLS.split():
            (self.path / tool).symlink_to(shutil.which(tool) or tool)
        self.program("uname", "echo Linux x86_64")
        self.program("g++", "exit 0")
        for name in ("bootstrap.sh", "pyproject.toml"):
            shutil.copy(ROOT / name, self.tree)
        shutil.copytree(ROOT / "requirements", self.tree / "requirements")

    def glibc(self, version: str) -> None:
        self.program("getconf", f"echo glibc {version}")

    def program(self, name: str, body: str) -> None:
        self.write(self.path / name, f"#!/bin/sh\n{body}\n")

    def python(self, version: str, lacks: str = "", at: Path | None = None) -> None:
        path = at or self.path / f"python{version.rpartition('.')[0]}"
        self.write(path, PYTHON.format(version=version, lacks=lacks))

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def bootstrap(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.path / "bash", self.tree / "bootstrap.sh", *args],
            env={"PATH": str(self.path), "HOME": str(self.home)},
            capture_output=True,
            text=True,
            check=False,
        )

    def choice(self) -> str:
        done = self.bootstrap("--dry-run")
        assert done.returncode == 0, done.stderr
        assert not (self.tree / ".venv").exists()
        return done.stdout.strip()

    def refusal(self) -> str:
        done = self.bootstrap("--dry-run")
        assert done.returncode == 1
        assert done.stdout == ""
        return done.stderr.strip()

    def installs(self) -> int:
        calls = self.home / "calls"
        return calls.read_text().count("--require-hashes") if calls.exists() else 0


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("glibc", ["2.39", "2.41", "3.0"])
def test_new_glibc_takes_the_newest_python_and_tfx(machine: Machine, glibc: str) -> None:
    machine.glibc(glibc)
    for version in ("3.10.13", "3.11.9", "3.12.4"):
        machine.python(version)
    assert machine.choice().startswith("diptych: TFX 1.21 on Python 3.12.4 (")


@pytest.mark.parametrize("glibc", ["2.9", "2.36", "2.38"])
def test_old_glibc_takes_python_310_and_says_why(machine: Machine, glibc: str) -> None:
    machine.glibc(glibc)
    machine.python("3.12.4")
    machine.python("3.10.13")
    assert machine.choice() == (
        f"diptych: TFX 1.16 on Python 3.10.13 (glibc {glibc} is older than the 2.39 that TFX 1.21 wheels need)"
    )


def test_plain_python3_counts(machine: Machine) -> None:
    machine.glibc("2.41")
    machine.python("3.13.5", at=machine.path / "python3")
    assert "TFX 1.21 on Python 3.13.5" in machine.choice()


def test_python_newer_than_the_range_is_passed_over(machine: Machine) -> None:
    machine.glibc("2.41")
    machine.python("3.14.0", at=machine.path / "python3")
    machine.python("3.11.9")
    assert "on Python 3.11.9" in machine.choice()


def test_broken_shim_is_skipped_and_pyenv_version_found(machine: Machine) -> None:
    machine.glibc("2.36")
    machine.program("python3.10", "echo 'pyenv: python3.10: command not found' >&2; exit 127")
    machine.python("3.10.13", at=machine.home / ".pyenv/versions/3.10.13/bin/python")
    assert "TFX 1.16 on Python 3.10.13" in machine.choice()


def test_the_active_venv_is_no_candidate(tmp_path: Path) -> None:
    probe = (ROOT / "bootstrap.sh").read_text().split("probe='")[1].split("'")[0]
    venv.create(tmp_path / ".venv", with_pip=False)
    for place, ok in ((tmp_path, False), (tmp_path / ".venv", True)):
        run = [tmp_path / ".venv/bin/python", "-c", probe]
        done = subprocess.run(run, cwd=place, capture_output=True, check=False)
        assert (done.returncode == 0) is ok


def test_python_without_venv_falls_to_the_next(machine: Machine) -> None:
    machine.glibc("2.41")
    machine.python("3.13.5", lacks="python3.13-venv")
    machine.python("3.12.4")
    assert "on Python 3.12.4" in machine.choice()


def test_new_glibc_with_python_310_alone_takes_the_older_tfx(machine: Machine) -> None:
    machine.glibc("2.41")
    machine.python("3.10.13")
    assert machine.choice().startswith("diptych: TFX 1.16 on Python 3.10.13 (TFX 1.21 needs")


def test_interpreter_that_uv_has_is_used(machine: Machine) -> None:
    machine.glibc("2.36")
    machine.python("3.10.19", at=machine.home / "managed")
    machine.program("uv", f"[ $2 = find ] && echo {machine.home}/managed")
    assert "on Python 3.10.19" in machine.choice()


@pytest.mark.parametrize(
    ("glibc", "python", "lacks", "advice"),
    [
        ("2.41", None, "", "apt-get install python3-venv python3-dev"),
        ("2.41", "3.13.5", "python3.13-dev", "apt-get install python3.13-dev"),
        ("2.36", "3.11.2", "", "pyenv install 3.10 (or: uv python install 3.10)"),
        ("2.36", "3.10.2", "python3.10-venv", "apt-get install python3.10-venv"),
    ],
)
def test_nothing_suits_and_the_message_names_what_to_install(
    machine: Machine, glibc: str, python: str | None, lacks: str, advice: str
) -> None:
    machine.glibc(glibc)
    if python:
        machine.python(python, lacks)
    assert machine.refusal().endswith(f"then run again: {advice}")


def test_missing_compiler_is_named(machine: Machine) -> None:
    machine.glibc("2.41")
    machine.python("3.13.5")
    (machine.path / "g++").unlink()
    assert machine.refusal().endswith("apt-get install g++")


def test_other_processor_is_refused(machine: Machine) -> None:
    machine.program("uname", "echo Linux aarch64")
    assert "x86-64 only" in machine.refusal()


def test_installs_once_and_again_when_something_changed(machine: Machine) -> None:
    machine.glibc("2.41")
    machine.python("3.13.5")
    assert machine.bootstrap().returncode == 0
    again = machine.bootstrap()
    assert again.stdout == "diptych: .venv is ready: TFX 1.21 on Python 3.13.5\n"
    assert machine.installs() == 1

    with (machine.tree / "requirements/tfx-1.21.txt").open("a") as lock:
        lock.write("# changed\n")
    assert machine.bootstrap().returncode == 0
    assert machine.installs() == 2

    (machine.tree / ".venv/bin/python").unlink()
    assert machine.bootstrap().returncode == 0
    assert machine.installs() == 3


def test_stopped_install_is_told_and_redone(machine: Machine) -> None:
    machine.glibc("2.41")
    machine.python("3.13.5")
    (machine.home / "broken").touch()
    stopped = machine.bootstrap()
    assert stopped.returncode == 1
    assert "the installation stopped" in stopped.stderr

    (machine.home / "broken").unlink()
    assert "installing" in machine.bootstrap().stdout
    assert "is ready" in machine.bootstrap().stdout


def test_environment_of_someone_else_is_left_alone(machine: Machine) -> None:
    machine.glibc("2.41")
    machine.python("3.13.5")
    (machine.tree / ".venv/precious").mkdir(parents=True)
    assert machine.bootstrap().returncode == 1
    assert (machine.tree / ".venv/precious").exists()


@pytest.mark.parametrize("name", ["tfx-1.16.txt", "tfx-1.21.txt"])
def test_lock_is_exact_and_names_no_place(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    assert not re.search(r"://|--(index|extra-index|find-links)|file:|/(home|root|tmp)/", text)
    entries = re.findall(r"^\w[^\\\n]*(?:\\\n[^\\\n]*)*", text, re.MULTILINE)
    assert len(entries) > 200
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)


def test_this_machine_has_a_choice() -> None:
    done = subprocess.run([ROOT / "bootstrap.sh", "--dry-run"], capture_output=True, text=True, check=False)
    assert re.match(r"diptych: TFX 1\.\d\d on Python 3\.1\d", done.stdout), done.stderr
