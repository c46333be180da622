#!/bin/sh
# Makes .venv ready for KIND (runtime, or dev: runtime and what tests need). Says nothing when it is already.
# This part only finds a Python and compares a stamp, so that the second time costs milliseconds;
# environment.py beside it does the work.
set -eu

kind=${1:-runtime}
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)

refuse() {
    printf 'parley: %s\n' "$1" >&2
    exit 1
}

# The folder belongs to the stamp: programs in .venv/bin name it in their first line, so a moved copy is made anew.
wanted_stamp() {
    printf '%s ' "$root"
    cat "$root"/ops/locks/*.txt "$root/ops/setup/setup.sh" "$root/ops/setup/environment.py" | cksum
}

is_supported() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1
}

has_venv() {
    "$1" -c 'import ensurepip, venv' >/dev/null 2>&1
}

# The machine's own python3 first: what pip is configured for, and wheels at hand, fit it.
find_python() {
    without_venv=''
    for candidate in "${PARLEY_PYTHON:-python3}" python3 python3.12 python3.11; do
        is_supported "$candidate" || continue
        if has_venv "$candidate"; then
            python=$candidate
            return
        fi
        without_venv=${without_venv:-$candidate}
    done
    if [ -n "$without_venv" ]; then
        refuse "$without_venv has no venv module: install it (Debian, Ubuntu: apt-get install python3-venv) and run the same command again."
    fi
    refuse 'Python 3.11 or 3.12 was not found: install it (Debian, Ubuntu: apt-get install python3 python3-venv), or name one in PARLEY_PYTHON.'
}

case $kind in
    runtime | dev) ;;
    *) refuse "setup.sh makes \"runtime\" or \"dev\", not \"$kind\"." ;;
esac
stamp=$(wanted_stamp)
if [ -x "$root/.venv/bin/python" ] && [ "$(cat "$root/.venv/.ready-$kind" 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi
find_python
exec "$python" "$root/ops/setup/environment.py" "$kind" "$stamp"
