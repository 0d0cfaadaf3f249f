# shellcheck shell=bash
# Sourced by tests/run and .ci/run: named steps with their durations, and programs installed when missing.

# Where a step leaves what outlives it: each runs in a subshell.
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
notes=$scratch/notes
touch "$notes"

results=()
failed=()

die() {
    printf '%s: %s\n' "$0" "$*" >&2
    exit 1
}

# note TEXT: says it, and says it again in the summary.
note() {
    printf '%s\n' "$*" | tee -a "$notes"
}

# step NAME COMMAND…: runs it, keeps its outcome and duration, and carries on.
# Call it as a plain command: bash forgets `set -e` in all that runs inside a condition.
step() {
    local name=$1 started=$SECONDS outcome=ok status
    shift
    printf '\n== %s\n' "$name"
    set +e
    (
        set -e
        "$@"
    )
    status=$?
    set -e
    if ((status == 124)); then
        outcome='FAILED: out of time'
    elif ((status != 0)); then
        outcome="FAILED: exit code $status"
    fi
    ((status == 0)) || failed+=("$name")
    results+=("$(printf '%-12s %5d s   %s' "$name" $((SECONDS - started)) "$outcome")")
}

# summary TITLE: one line a step, then what was noted on the way.
summary() {
    printf '\n== summary of %s\n' "$1"
    printf '%s\n' "${results[@]}"
    cat "$notes"
}

# limited MINUTES COMMAND…: in CI a hanging test must not take the whole run with it. Elsewhere somebody is there to
# press Ctrl-C, which `timeout` would keep from the command.
limited() {
    local minutes=$1
    shift
    if [[ -n ${CI:-} ]]; then
        timeout --kill-after=10 "${minutes}m" "$@"
    else
        "$@"
    fi
}

# there NAME: whether there is such a program; a name with a slash is a file's, and may be a pattern.
there() {
    if [[ $1 == */* ]]; then
        compgen -G "$1" >/dev/null
    else
        command -v "$1" >/dev/null
    fi
}

# programs PROGRAM=PACKAGE…: installs the Debian package of each program that is missing, or says what to install.
programs() {
    local pair missing=() packages=()
    for pair in "$@"; do
        there "${pair%%=*}" && continue
        missing+=("${pair%%=*}")
        packages+=("${pair#*=}")
    done
    ((${#missing[@]})) || return 0

    local how="sudo apt-get install --no-install-recommends ${packages[*]}"
    local as_root=()
    if ((EUID != 0)); then
        as_root=(sudo -n)
        sudo -n true 2>/dev/null || die "missing: ${missing[*]}; install with: $how"
    fi
    command -v apt-get >/dev/null || die "missing: ${missing[*]}; on Debian: $how"

    printf 'installing %s\n' "${packages[*]}"
    install_packages "${packages[@]}" || die "cannot install ${packages[*]}; by hand: $how"
    for pair in "${missing[@]}"; do
        there "$pair" || die "installed ${packages[*]}, and $pair is still missing"
    done
}

# Debian starts the daemons it installs unless policy-rc.d says no; the tests start their own, on free ports.
install_packages() (
    policy=/usr/sbin/policy-rc.d
    if [[ ! -e $policy ]]; then
        trap '"${as_root[@]}" rm -f -- "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
        "${as_root[@]}" chmod 755 "$policy"
    fi
    # Lists that could not be updated may still do.
    "${as_root[@]}" apt-get update -qq </dev/null || true
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq --yes --no-install-recommends "$@" </dev/null
)

# What every step needs. Daemons live in /usr/sbin, which is not in everybody's PATH.
PATH=$PATH:/usr/sbin:/sbin
command -v cargo >/dev/null || die 'missing: cargo; install Rust from https://rustup.rs'
