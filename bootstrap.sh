#!/usr/bin/env bash
# Makes .venv from the newest lock in requirements/ that this machine can carry, or finds it up to
# date. `make` calls it before everything. `bootstrap.sh --dry-run` says what it would choose.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

stamp=.venv/bootstrap.stamp # written last: without it an environment is unfinished
log=.venv/bootstrap.log

say() { printf 'diptych: %s\n' "$*"; }
fail() {
    say "$@" >&2
    exit 1
}

# ---- choose -------------------------------------------------------------------------------------

# What an interpreter is, and which Debian packages it lacks: Debian parts venv and the headers
# from Python, and pyfarmhash has no Linux wheel, so it is compiled.
probe='
import os, sys, sysconfig
if os.path.realpath(sys.prefix) == os.path.realpath(".venv"):
    sys.exit(1)  # active, and about to be removed
name = "python%d.%d" % sys.version_info[:2]
lacks = []
try:
    import ensurepip, venv
except ImportError:
    lacks.append(name + "-venv")
if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
    lacks.append(name + "-dev")
print("%d.%d.%d" % sys.version_info[:3], *lacks)
'

candidates() {
    type -aP "python$1" python3 || true
    printf '%s\n' "${PYENV_ROOT:-${HOME:-}/.pyenv}/versions/$1".*/bin/python
}

# Only an interpreter that runs counts: a pyenv shim can be there and still fail.
suits() {
    local found lacks
    found=$("$2" -c "$probe" </dev/null 2>/dev/null) || return 1
    read -r release lacks <<<"$found"
    [[ $release == "$1".* ]] || return 1
    [ -z "$lacks" ] && python=$2 && return
    lacking=${lacking:-$lacks}
    return 1
}

find_python() {
    local version candidate
    for version; do
        while IFS= read -r candidate; do
            suits "$version" "$candidate" && return
        done < <(candidates "$version")
    done
    return 1
}

# uv into an environment, as the lock has it.
install_uv() {
    local settings index cert
    sed -n '/^uv==/,/[^\\]$/p' "requirements/tfx-$tfx.txt" >"$1/uv.txt" # up to a line that ends
    "$1/bin/python" -m pip install --quiet --require-hashes -r "$1/uv.txt" || return 1
    # uv reads none of pip's settings: hand on the mirror and the certificate of this machine.
    settings=$("$1/bin/python" -m pip config list 2>/dev/null) || true
    setting() { sed -n "s/^[a-z:]*\.$1='\(.*\)'\$/\1/p" <<<"$settings" | head -n 1; }
    index=$(setting index-url) cert=$(setting cert)
    [ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
    [ -z "$cert" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$cert}"
    [ ! -e /etc/ssl/certs/ca-certificates.crt ] || export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}"
    export UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-300}" # TensorFlow is half a gigabyte
}

# uv can bring an interpreter: quietly and without retries, for its source may be out of reach.
fetch_python() {
    local found uv
    uv=$(type -P uv) || {
        [ -z "$dry_run" ] && tools=$(mktemp -d) && trap 'rm -rf "$tools"' EXIT &&
            uv=$tools/bin/uv && python3 -m venv "$tools" && install_uv "$tools"
    } || return 1
    [ -n "$dry_run" ] || UV_HTTP_RETRIES=0 timeout 300 "$uv" python install "$1" || true
    found=$("$uv" python find --managed-python "$1") && suits "$1" "$found"
} >/dev/null 2>&1

choose() {
    local glibc get=
    [ "$(uname -sm)" = "Linux x86_64" ] ||
        fail "TFX has wheels for Linux on x86-64 only, and this is $(uname -sm)." \
            "Use a Debian 13 or Ubuntu 24.04 machine or container."

    # The ml-metadata and TFDV wheels of TFX 1.21 are manylinux_2_39, whatever TFX itself says.
    glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d ' ' -f 2) || true
    if [ "$(printf '%s\n' 2.39 "${glibc:-0}" | sort -V | head -n 1)" = 2.39 ]; then
        tfx=1.21 why="the newest, which glibc $glibc can carry"
        find_python 3.13 3.12 3.11 || fetch_python 3.13 || {
            tfx=1.16 why="TFX 1.21 needs Python 3.11-3.13, and no complete one is here"
            find_python 3.10
        } || lacking=${lacking:-python3-venv python3-dev}
    else
        tfx=1.16 why="glibc ${glibc:-unknown} is older than the 2.39 that TFX 1.21 wheels need"
        find_python 3.10 || fetch_python 3.10 || {
            why="$why, and TFX 1.16 needs Python 3.10"
            [ -n "$lacking" ] || get="pyenv install 3.10 (or: uv python install 3.10)"
        }
    fi

    [ -z "$python" ] || lacking=
    type g++ >/dev/null 2>&1 || {
        [ -z "$python" ] || why="pyfarmhash has to be compiled"
        lacking="${lacking:+$lacking }g++"
    }
    [ -n "$lacking$get" ] || return 0
    [ -z "$lacking" ] || get="${get:+$get; }apt-get install $lacking"
    fail "cannot make .venv: $why. Install what is missing, then run again: $get"
}

# ---- make ---------------------------------------------------------------------------------------

# The tree's place belongs to it: the scripts in .venv/bin hold absolute paths.
fingerprint() {
    { pwd && .venv/bin/python -VV && cat bootstrap.sh pyproject.toml requirements/*.txt; } \
        2>/dev/null | sha256sum
}

logged() {
    "$@" >>"$log" 2>&1 && return
    tail -n 15 "$log" >&2
    fail "the installation stopped; all of it is in $log." \
        "Run it again: what was downloaded is kept."
}

install() {
    local lock=requirements/tfx-$tfx.txt
    [ ! -e .venv ] || [ -e "$log" ] || fail ".venv was made by something else: move it away."
    mkdir -p .venv && : >"$log"
    find .venv -mindepth 1 -maxdepth 1 ! -path "$log" -exec rm -rf {} +
    logged "$python" -m venv .venv
    logged install_uv .venv
    # Byte code is written here, once: compiled at each start, TensorFlow and TFX take three times as long to import.
    local uv=(.venv/bin/uv --no-progress pip install --compile-bytecode --python .venv/bin/python)
    # What has no wheel is built with the locked setuptools, and the project with the one in .venv.
    logged "${uv[@]}" --require-hashes --build-constraints "$lock" -r "$lock"
    logged "${uv[@]}" --offline --no-deps --no-build-isolation --editable .
    { fingerprint && echo "$chosen"; } >"$stamp"
}

dry_run='' python='' release='' lacking=''
if [ "${1:-}" = --dry-run ]; then
    dry_run=1
    choose
    say "TFX $tfx on Python $release ($why)"
    exit
fi

exec 9<bootstrap.sh && flock 9 # two makes at once: the second waits for the first
if [ -e "$stamp" ] && [ "$(head -n 1 "$stamp")" = "$(fingerprint)" ]; then
    say ".venv is ready: $(tail -n 1 "$stamp")"
    exit
fi
choose
chosen="TFX $tfx on Python $release"
say "$chosen ($why); installing it in .venv, the first time takes minutes"
install
