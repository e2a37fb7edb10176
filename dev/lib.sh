# What the scripts in dev/ share. Sourced, not run.
# shellcheck shell=bash

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

say() { printf '%s\n' "$*" >&2; }

die() {
    say "dev/$(basename "$0"): $*"
    exit 1
}

# Debian packages that building and testing need. Nothing happens when all are there.
packages=(liburing-dev libisal-dev libsqlite3-dev libssl-dev pkg-config python3 git ca-certificates libc6-dev strace)

install_packages() {
    command -v swift >/dev/null || die "no Swift on the PATH: install Swift 6.3 (https://swift.org/install/linux)"
    local missing=() package
    for package in "${packages[@]}"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] \
            || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    say "installing ${missing[*]}"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "install these packages as root first: ${missing[*]}"
        as_root=(sudo)
    fi
    "${as_root[@]}" apt-get update -qq >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# Swift's dependencies come over the network: a lost connection is tried again.
resolve_packages() {
    local try
    for try in 1 2 3; do
        swift package --package-path "$root" resolve >&2 && return
        say "resolving the dependencies failed (try $try of 3)"
        sleep $((try * 5))
    done
    return 1
}

# build CONFIGURATION: every program, and where they are on standard output. One call for all: modules that do not
# need each other compile side by side.
build() {
    swift build --package-path "$root" -c "$1" >&2 || return 1
    swift build --package-path "$root" -c "$1" --show-bin-path
}

# A process is named by its pid and its start time, so that a pid that was given away again is left alone.
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

is_running() { [ -n "$2" ] && [ "$(start_time "$1")" = "$2" ] && [ "$(process_state "$1")" != Z ]; }

process_state() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f1; }

# end_process PID START: asks it to stop, and after 10 s makes it.
end_process() {
    local pid="$1" start="$2" waited
    is_running "$pid" "$start" || return 0
    kill -TERM "$pid" 2>/dev/null || return 0
    # A stopped process takes no notice before it goes on.
    kill -CONT "$pid" 2>/dev/null || true
    for ((waited = 0; waited < 100; waited++)); do
        is_running "$pid" "$start" || return 0
        sleep 0.1
    done
    say "process $pid did not stop within 10 s: killing it"
    kill -KILL "$pid" 2>/dev/null || true
}
