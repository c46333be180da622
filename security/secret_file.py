"""Secrets kept in files: written whole, once, for their owner's eyes."""

import os
import tempfile
from pathlib import Path


def write_once(path: Path, text: str) -> None:
    """Write a new file of mode 0600; where one is there already, it stays as it is.

    Written under another name and then linked: nobody ever reads half a secret, and of several processes the first
    one wins.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return  # another process was first
    finally:
        os.unlink(draft)
