#!/usr/bin/env bash
# Runs `make test` on TFX 1.21 and Python 3.13, in a Debian 13 root under build/; ARGS of the environment are pytest's.
# Exits 77, as test harnesses agree to call a skip, where no such root can be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cache=$PWD/build/next
root=$cache/root
tree=/diptych/tree # in the root; shared/ is beside it, as beside this tree
uv_cache_in_root=/diptych/uv
certificates=/etc/ssl/certs/ca-certificates.crt
uv_cache=${UV_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/uv}
packages=(ca-certificates chromium g++ git make python3-dev python3-venv)

skip() {
    printf 'diptych: %s Nothing was tested on TFX 1.21.\n' "$*" >&2
    exit 77
}

in_root() {
    chroot "$1" env -u PYTHONPATH -u VIRTUAL_ENV HOME=/root TMPDIR=/tmp LC_ALL=C.UTF-8 \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
        UV_CACHE_DIR=$uv_cache_in_root UV_LINK_MODE=copy "${@:2}"
}

# Under another name until it is whole.
make_root() {
    local part=$root.part mirror
    rm -rf "$part"
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' 2>/dev/null | head -n 1) || true
    debootstrap --variant=minbase trixie "$part" ${mirror:+"$mirror"} &&
        cp -L /etc/resolv.conf /etc/hosts "$part/etc/" &&
        in_root "$part" apt-get -qq update &&
        in_root "$part" apt-get -qq install -y --no-install-recommends "${packages[@]}" &&
        mv "$part" "$root"
}

ready_root() {
    local log=$cache/root.log
    [ ! -e "$root" ] || return 0
    echo "diptych: making a Debian 13 root in build/next, which takes minutes"
    make_root >"$log" 2>&1 && return
    ! grep -q 'Failed getting release' "$log" || skip "Debian's mirror is out of reach."
    tail -n 15 "$log" >&2
    skip "The Debian 13 root could not be made: see above."
}

# What git tracks or would track; .venv stays, so that the next call finds it.
copy_tree() {
    mkdir -p "$root$tree"
    find "$root$tree" -mindepth 1 -maxdepth 1 ! -name .venv -exec rm -rf {} +
    git ls-files -z --cached --others --exclude-standard |
        tar --create --null --verbatim-files-from --files-from=- --ignore-failed-read |
        tar --extract --no-same-owner --directory="$root$tree"
    git -C "$root$tree" init --quiet
    git -C "$root$tree" add --all
}

bind() {
    mkdir -p "$2"
    mount --rbind "$1" "$2"
}

mount_all() {
    mount -t proc proc "$root/proc"
    bind /dev "$root/dev"
    bind /sys "$root/sys"
    mkdir -p "$uv_cache"
    bind "$uv_cache" "$root$uv_cache_in_root"
    [ ! -e "$certificates" ] || mount --bind "$certificates" "$root$certificates"
    [ -d ../shared ] || return 0
    bind ../shared "$root/diptych/shared"
    mount -o remount,bind,ro "$root/diptych/shared"
}

[ "$(id -u)" = 0 ] || skip "A Debian 13 root takes root's rights: run it as root."
for program in debootstrap git; do
    type "$program" >/dev/null 2>&1 || skip "A Debian 13 root takes $program: install it."
done
unshare --mount --pid --fork true 2>/dev/null || skip "A Debian 13 root takes the right to mount, which is not given here."

# Every mount, and every process that a test leaves, is one of a namespace of this run's and ends with it: whatever
# removes build/ finds nothing of the machine in it. Two runs at once: the second waits.
if [ "${1:-}" != --in-namespace ]; then
    mkdir -p "$cache"
    exec unshare --mount --pid --fork --kill-child flock "$cache" "$BASH" tools/test_next.sh --in-namespace
fi
ready_root
copy_tree
# pip's mirror is this machine's, and bootstrap.sh hands it on to uv.
index=$(python3 -m pip config get global.index-url 2>/dev/null) && export PIP_INDEX_URL="${PIP_INDEX_URL:-$index}"
mount_all
in_root "$root" make -C "$tree" --no-print-directory test
