"""What the operating system says becomes one sentence, whichever library says it."""

from __future__ import annotations

import errno
import os
import sys
import tempfile

import pytest

from diptych.models.os_errors import explain_cause, explain_os_error, find_os_error, naming

DISK = "no space left on device; free some disk space, or name a place on another disk"


def raised_from(cause: Exception) -> Exception:
    """An error that was raised because of another one."""
    error = RuntimeError("it went wrong")
    error.__cause__ = cause
    return error


def test_path_cause_and_remedy_are_named() -> None:
    error = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "/data/runs/x.yaml")
    assert explain_os_error(error) == "'/data/runs/x.yaml': no such file or directory; check how it is written"


def test_a_full_disk_is_told_without_a_path() -> None:
    """Python names no file where a write fails after the file was opened."""
    assert explain_os_error(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))) == DISK


def test_bytes_that_are_no_text_can_be_shown() -> None:
    message = explain_os_error(PermissionError(errno.EACCES, "Permission denied", b"/data/\xff.csv"))
    assert message is not None
    assert message.startswith("'/data/\udcff.csv': permission denied")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        # TensorFlow's.
        (
            ValueError(
                "{{function_node x_/job:localhost/device:CPU:0}} /data/a b; No space left on device [Op:SaveV2]"
            ),
            f"'/data/a b': {DISK}",
        ),
        # Beam's copy of one of Python's.
        (OSError("[Errno 28] No space left on device: '/data/a' [while running 'Write']"), f"'/data/a': {DISK}"),
        # SQLite's, as ML Metadata hands it on.
        (RuntimeError("Error when executing query: database or disk is full query: INSERT"), DISK),
        # HDF5's.
        (OSError(errno.ENOSPC, "Can't write (errno = 28, error message = 'No space left on device', buf = 0x1)"), DISK),
        # Arrow's.
        (OSError(errno.ENOSPC, "Error writing bytes. Detail: [errno 28] No space left on device"), DISK),
        (raised_from(OSError(errno.ENOSPC, "No space left on device", "/data/a")), f"'/data/a': {DISK}"),
    ],
)
def test_libraries_say_it_in_their_own_ways(error: Exception, sentence: str) -> None:
    assert explain_os_error(error) == sentence


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ECONNRESET, "Connection reset by peer"),
        OSError("without a number"),
        FileNotFoundError(errno.ENOENT, "No such file or directory", os.path.join(sys.prefix, "lib", "lost.py")),
        RuntimeError("/data/a; No such file or directory"),
        KeyError("label"),
    ],
)
def test_what_no_person_can_mend_keeps_its_traceback(error: Exception) -> None:
    assert explain_os_error(error) is None
    assert find_os_error(error) is None


def test_temporary_files_can_lie_elsewhere() -> None:
    lost = OSError(errno.ENOSPC, "No space left on device", os.path.join(tempfile.gettempdir(), "x", "copy"))
    assert explain_cause(lost) == f"{DISK}; temporary files lie where the variable TMPDIR says"
    none = FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp', '/work']")
    assert explain_os_error(none) == (
        "no usable temporary directory found in ['/tmp', '/work']; free some disk space, or name a place on another "
        "disk with the variable TMPDIR"
    )


def test_an_error_that_names_no_path_is_given_one() -> None:
    with pytest.raises(OSError, match="/data/a"), naming("/data/a"):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    with pytest.raises(OSError, match="/data/b"), naming("/data/a"):
        raise OSError(errno.EIO, os.strerror(errno.EIO), "/data/b")
