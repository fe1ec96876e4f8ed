"""The container of a step: its files, its environment, its user."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from diptych.kubeflow.container import store
from diptych.kubeflow.container.task import ROOT_VARIABLE
from diptych.kubeflow.spec import SpecError

# Volumes of a step's pod: those for the mirrors (backend/src/v2/compiler/argocompiler/container.go), and the folder of
# output parameters.
_VOLUMES = (*store.MIRROR_FOLDERS.values(), "tmp/kfp")
_IMAGE_PYTHON = "opt/diptych/bin/python"
#: What kubeflow/Dockerfile sets: the root file system of an image does not tell.
IMAGE_ENVIRONMENT = {
    "PATH": "/opt/diptych/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/home/diptych",
    "USER": "diptych",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
}
#: The user of kubeflow/Dockerfile, and the group, which is that of any user.
IMAGE_USER, IMAGE_GROUP = 1000, 0
_PROGRAM_FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def check_image(image_root: str) -> None:
    """Checks that a folder is the root file system of the steps' image.

    Raises:
        SpecError: it is not.
    """
    if not os.path.exists(os.path.join(image_root, _IMAGE_PYTHON)):
        raise SpecError(f"--image-root {image_root}: this is no image of the steps, it lacks {_IMAGE_PYTHON}")


class Container:
    """Where the command of a step runs: in an image by ``chroot``, which needs root's rights, or in a folder.

    In a folder, the Python that runs this stands for the image's, and the user is the one who runs this.

    Args:
        folder: root of the container's file system where there is no image.
        image_root: root file system of an image; None without one.
        user: the number of the user in the image.

    Attributes:
        root: root of the container's file system as the command sees it.
    """

    def __init__(self, folder: Path, image_root: str | None = None, user: int = IMAGE_USER) -> None:
        self._image_root = image_root
        self._user = user
        self.root = "/" if image_root else str(folder)

    @property
    def working_folder(self) -> Path:
        """Where the command starts, seen from outside of the container. In an image it goes to its home itself."""
        return Path("/") if self._image_root else self._home()

    def environment(self, stores: Path) -> dict[str, str]:
        """The environment of the image, and where the stores are mounted."""
        if self._image_root:
            return {**IMAGE_ENVIRONMENT, store.STORES_VARIABLE: "/stores", ROOT_VARIABLE: "/"}
        return {
            **IMAGE_ENVIRONMENT,
            "PATH": f"{os.path.dirname(sys.executable)}:{_PROGRAM_FOLDERS}",
            "HOME": str(self._home()),
            store.STORES_VARIABLE: str(stores),
            ROOT_VARIABLE: self.root,
        }

    def command(self, command: list[str], stores: Path) -> list[str]:
        """A command as it is started from outside of the container; hands stores and volumes to the image's user."""
        if not self._image_root:
            return [sys.executable if command[0] == "python" else command[0], *command[1:]]
        for folder in (stores, *(self._volume(volume) for volume in _VOLUMES)):
            for path in (folder, *folder.rglob("*")):
                os.chown(path, self._user, IMAGE_GROUP, follow_symlinks=False)
        return _in_image(command, self._image_root, stores, f"{self._user}:{IMAGE_GROUP}")

    def host_path(self, path: str) -> Path:
        """A path that the command sees, as this process sees it."""
        return Path(self._image_root, path.lstrip("/")) if self._image_root else Path(path)

    def make_volumes(self) -> None:
        """Makes the volumes of a new pod, which are empty."""
        self.remove_volumes()
        for volume in _VOLUMES:
            self._volume(volume).mkdir(parents=True)
        if not self._image_root:
            self._home().mkdir(parents=True, exist_ok=True)

    def remove_volumes(self) -> None:
        """Removes what a step left in its volumes, and nothing else: the rest may be an image's root file system."""
        for volume in _VOLUMES:
            shutil.rmtree(self._volume(volume), ignore_errors=True)

    def _home(self) -> Path:
        return Path(self.root + IMAGE_ENVIRONMENT["HOME"])

    def _volume(self, name: str) -> Path:
        return self.host_path(os.path.join(self.root, name))


def _in_image(command: list[str], image_root: str, stores: Path, user: str) -> list[str]:
    """A command that runs another one in an image's root file system, as a user and group, with the stores mounted.

    The mounts are in a namespace of their own and end with the process.
    """
    script = (
        'mkdir -p "$0/stores" "$0/proc" "$0/dev" && mount --bind "$1" "$0/stores" && mount -t proc proc "$0/proc" && '
        'mount --rbind /dev "$0/dev" && root=$0 && shift && '
        f'exec chroot --userspec={user} "$root" /bin/sh -c \'cd "$HOME" && exec "$@"\' sh "$@"'
    )
    return ["unshare", "--mount", "--", "sh", "-c", script, image_root, str(stores), *command]
