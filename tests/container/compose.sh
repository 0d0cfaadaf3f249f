# shellcheck shell=bash
# Sourced after tests/steps.sh: Compose without an engine, for its own reading of compose.yaml.

tools=$(realpath -m -- "${CARGO_TARGET_DIR:-target}/tools")
readonly compose_suite=trixie

# Compose 2: Docker's own where there is one, else Debian 13's program, unpacked below target.
find_compose() {
    if docker compose version >/dev/null 2>&1; then
        compose=(docker compose)
        return
    fi
    compose=("$tools/compose/usr/bin/docker-compose")
    [[ ! -x ${compose[0]} ]] || return 0
    programs apt-get=apt dpkg-deb=dpkg
    [[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]] || die 'missing: docker compose'
    # shellcheck disable=SC2154 # steps.sh has it
    local apt=$scratch/apt
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    printf 'deb [signed-by=%s] http://deb.debian.org/debian %s main\n' \
        /usr/share/keyrings/debian-archive-keyring.gpg "$compose_suite" >"$apt/sources.list"
    local from=(-o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o "APT::Sandbox::User=$(id -un)")
    if ! { apt-get "${from[@]}" update -qq && (cd "$apt" && apt-get "${from[@]}" download -qq docker-compose); }; then
        die 'cannot fetch Compose from Debian; install it: https://docs.docker.com/compose/install'
    fi
    mkdir -p "$tools/compose"
    dpkg-deb -x "$apt"/docker-compose_*.deb "$tools/compose"
}

# resolved FILE…: every service of all profiles, as JSON.
resolved() {
    local file files=()
    for file in "$@"; do files+=(--file "$file"); done
    env -u COMPOSE_FILE -u COMPOSE_PROFILES "${compose[@]}" --env-file /dev/null "${files[@]}" \
        --profile pi --profile simulated --profile fleet --profile control config --format json
}
