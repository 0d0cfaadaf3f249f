# shellcheck shell=bash
# Sourced after tests/steps.sh: folders with another Debian in them, and commands that run there. Nothing of it touches this
# machine's own system.

# debian_folder SUITE FOLDER ARCHITECTURES HOOK PACKAGE…: makes the folder, unless it is there with just these packages. HOOK
# is a script that runs in it at the end, with the lists of packages at hand.
debian_folder() {
    local suite=$1 folder=$2 architectures=$3 hook=$4
    shift 4
    local contents="$suite $architectures $* $hook"
    [[ $(cat -- "$folder/contents" 2>/dev/null) != "$contents" ]] || return 0
    programs mmdebstrap=mmdebstrap
    printf 'making %s\n' "$folder"
    # Beside its place and moved, so that it is there whole or not at all.
    rm -rf -- "$folder" "$folder.part"
    mkdir -p -- "${folder%/*}"
    # A testing release's own word on how long it is valid may be older than the mirror that has it.
    mmdebstrap --quiet --variant=apt --architectures="$architectures" --include="$(IFS=, && printf '%s' "$*")" \
        --aptopt='Acquire::Check-Valid-Until "false"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --customize-hook="chroot \"\$1\" sh -euc '$hook'" \
        "$suite" "$folder.part" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}
    printf '%s\n' "$contents" >"$folder.part/contents"
    mv -- "$folder.part" "$folder"
}

# inside FOLDER OUTSIDE:INSIDE… -- COMMAND…: runs it as the folder's root, with these folders of this machine's in it, in an
# empty environment. Whatever it started ends with it. The network is this machine's.
inside() {
    local spaces=(--mount --pid --fork --kill-child)
    ((EUID == 0)) || spaces+=(--map-auto --map-root-user)
    # shellcheck disable=SC2016 # the inner shell expands these
    unshare "${spaces[@]}" bash -euc '
        root=$1
        shift
        mount --bind "$root" "$root"
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        while [[ $1 != -- ]]; do
            mkdir -p -- "$root${1##*:}"
            mount --bind "${1%:*}" "$root${1##*:}"
            shift
        done
        shift
        exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
    ' inside "$@"
}
