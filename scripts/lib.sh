# Shared by the scripts beside it: `source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"`.
# shellcheck shell=bash

# The root of the repository, and where unpacked servers and Go compilers live (never in git).
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# shellcheck disable=SC2034 # Used by those that source this.
TOOLS="${EXPVAULT_TOOLS:-$ROOT/.tools}"

# What is said goes to standard error, so that a script's standard output is its answer.
say() { printf '%s\n' "$*" >&2; }
step() { if [ -t 2 ]; then printf '\033[1m==> %s\033[0m\n' "$*" >&2; else printf '==> %s\n' "$*" >&2; fi; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root: directly where we are root, else by sudo, else says what to run.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        die "needs root: run '$*' as root, then this again"
    fi
}

# Runs apt-get quietly; what it said is shown only when it failed.
apt_quiet() {
    local log
    log="$(mktemp)"
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get "$@" >"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

# Installs those of the packages that are not there; silent and under 0.1 s when all are.
need_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed' || missing+=("$package")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    have apt-get || die "missing: ${missing[*]} (this is not Debian: install what corresponds to them)"
    step "installing ${missing[*]}"
    # Package lists may be absent (fresh images) or stale; one update and one more try mends both.
    apt_quiet install -y --no-install-recommends "${missing[@]}" 2>/dev/null && return 0
    apt_quiet update || die "apt-get update failed"
    apt_quiet install -y --no-install-recommends "${missing[@]}" || die "could not install ${missing[*]}"
}

# Makes sure that `swift` is there; a toolchain is too large to be installed unasked.
need_swift() {
    have swift || die "no 'swift' in PATH: install Swift 6.1 or newer (swift.org/install), then run this again"
}

# Prints a TCP port on 127.0.0.1 that nobody listens on, never twice in one process.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        case " ${FREE_PORTS_GIVEN:-} " in *" $port "*) continue ;; esac
        # A connection that is refused means nobody listens there.
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            FREE_PORTS_GIVEN="${FREE_PORTS_GIVEN:-} $port"
            printf '%s\n' "$port"
            return 0
        fi
    done
}

# GETs http://127.0.0.1:PORT/PATH to standard output with bash alone (a fresh Debian has no curl).
# HTTP/1.0, so that the server neither chunks nor keeps the connection; the body comes out byte for byte.
http_get() {
    local port="$1" path="$2" line status
    # Braces: on the exec itself, 2>/dev/null would silence the whole script from here on.
    { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || return 1
    printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1:%s\r\n\r\n' "$path" "$port" >&3
    IFS= read -r -t 5 status <&3 || { exec 3<&- 3>&-; return 1; }
    while IFS= read -r -t 5 line <&3 && [ "$line" != $'\r' ]; do :; done
    cat <&3
    exec 3<&- 3>&-
    case "$status" in *" 200 "*) return 0 ;; *) return 1 ;; esac
}

# Waits until http://127.0.0.1:PORT/PATH answers 200; the process that should answer is PID.
wait_for_http() {
    local port="$1" path="$2" pid="$3" tries=0
    until http_get "$port" "$path" >/dev/null 2>&1; do
        kill -0 "$pid" 2>/dev/null || return 1
        tries=$((tries + 1))
        [ "$tries" -lt 150 ] || return 1
        sleep 0.1
    done
}

# Programs that we started, by process id; `stop_started` (for an EXIT trap) ends exactly those.
STARTED=()
started() { STARTED+=("$1"); }
stop_started() {
    local pid
    for pid in ${STARTED[@]+"${STARTED[@]}"}; do kill "$pid" 2>/dev/null || true; done
    for pid in ${STARTED[@]+"${STARTED[@]}"}; do wait "$pid" 2>/dev/null || true; done
    STARTED=()
}
