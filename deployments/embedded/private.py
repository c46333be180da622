"""What other users of a machine must not reach: our folders, our sockets, and our secrets in a child's environment."""

import os
import re
from contextlib import suppress
from pathlib import Path

from deployments.embedded.processes import INSTANCE_VARIABLE, environment_of, instance_of
from models.errors import WrongSetting

_SOCKET_PATH_BYTES = 107  # sockaddr_un.sun_path less its closing NUL, unix(7)
_PLAIN = re.compile(r"[A-Za-z0-9 /._+,@:-]+")  # what stands for itself in a URI as gRPC reads one


def private_folder(path: Path) -> Path:
    """Make a folder that only we may enter; one of ours that was open to others is closed."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = path.stat()
    if found.st_uid == os.geteuid() and found.st_mode & 0o077:
        path.chmod(0o700)
    return path


def private_socket(home: Path, name: str) -> Path:
    """Give the place of a socket that only we reach: in PARLEY_HOME/run, or under /tmp where that path is too long.

    Raises:
        WrongSetting: somebody else has made the folder under /tmp.
    """
    socket = private_folder(home / "run") / name
    if len(os.fsencode(socket)) <= _SOCKET_PATH_BYTES and _PLAIN.fullmatch(str(socket)):
        return socket
    folder = Path("/tmp") / f"parley-{os.geteuid()}-{instance_of(home)}-sockets"  # noqa: S108 - checked below
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if folder.is_symlink() or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise WrongSetting(
                f"{folder} is not a private folder of ours: remove it, or shorten PARLEY_HOME."
            ) from None
    return folder / name


def remove_private_socket(socket: Path, home: Path) -> None:
    """Leave no trace of a socket whose server has ended; safe twice."""
    socket.unlink(missing_ok=True)
    if socket.parent != home / "run":
        with suppress(OSError):  # gone already, or another socket lies in it
            socket.parent.rmdir()


def environment_without_secrets(home: Path) -> dict[str, str]:
    """Give an embedded server the marks by which we find it, and none of our settings: keys are among them."""
    return {
        name: value
        for name, value in environment_of(home).items()
        if name == INSTANCE_VARIABLE or not name.startswith("PARLEY_")
    }
