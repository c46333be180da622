"""What every Ray worker imports first (`RAY_preload_python_modules`): it keeps pandas out.

Serve imports pandas wherever it is installed and needs it for nothing of ours: half of the time in which a worker
starts, and memory in each of some fifteen processes. pymilvus alone cannot do without; what uses it lets pandas in.
"""

import sys

_UNWANTED = "pandas"

if _UNWANTED not in sys.modules:
    sys.modules[_UNWANTED] = None  # type: ignore[assignment]  # Python's way to say: not to be imported


def let_pandas_in() -> None:
    """Allow the import again; what was told before that pandas is missing stays without."""
    if sys.modules.get(_UNWANTED, sys) is None:
        del sys.modules[_UNWANTED]
