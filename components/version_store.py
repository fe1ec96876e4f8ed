"""Adds versions to a directory that is on this machine or in a store; see ``diptych.models.version_directories``."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from tempfile import TemporaryDirectory
from uuid import uuid4

from diptych.components.catalogue import storage, transfer
from diptych.models import version_directories
from diptych.models.version_directories import next_number, sort_versions

# The folder of a directory in which whoever adds a version says which number it takes.
_CLAIMS = ".claims"
# After two have claimed the same number, each goes on by up to so many.
_MOST_SKIPPED = 16


def list_versions(directory: str) -> list[str]:
    """The paths or URIs of the versions in a directory, the latest first; none if there is no such directory.

    Raises:
        OSError: the directory cannot be listed.
    """
    return [storage.join(directory, name) for name in sort_versions(transfer.list_names(directory))]


def add_version(directory: str, fill: Callable[[str], None], last: str) -> str:
    """Adds a version, which readers take for one when it is whole.

    Args:
        directory: a path or a URI; it is made if need be.
        fill: writes the content into an empty folder of this machine.
        last: name of the file that is stored last. A store cannot rename: there, the file says that the version is
            whole.

    Returns:
        The path or URI of the version. Its number is the time in seconds, or greater if that is not the greatest.

    Raises:
        OSError: the version cannot be written.
    """
    if not storage.is_remote(directory):
        return version_directories.add_version(directory, fill)
    with TemporaryDirectory() as folder:
        fill(folder)
        version = storage.join(directory, claim_number(directory, int(time.time())))
        transfer.copy_folder(folder, version, last=last)
    return version


def claim_number(directory: str, least: int) -> str:
    """The number of a further version, which nobody else gets who adds one to the same directory at the same time.

    A store cannot lock. Who adds a version writes down which number it takes, then looks who else has, and takes
    another one if anybody has: of two, at least the second sees the first.

    Args:
        least: the least number.

    Raises:
        OSError: the directory cannot be listed or written.
    """
    claims, own = storage.join(directory, _CLAIMS), uuid4().hex
    while True:
        claimed = [name.partition("-")[0] for name in transfer.list_names(claims)]
        number = next_number([*transfer.list_names(directory), *claimed], least)
        transfer.write_whole(storage.join(claims, f"{number}-{own}"), b"")
        if all(name.endswith(own) for name in transfer.list_names(claims) if name.startswith(f"{number}-")):
            return str(number)
        least = number + random.randint(1, _MOST_SKIPPED)
