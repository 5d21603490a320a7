#!/usr/bin/env bash
# Builds every fuzz target and runs each for a while, one on each core: `fuzz/run.sh SECONDS [TARGET …]`. Fails on the first
# finding, whose input then stands in fuzz/artifacts/. `claims_in_servers` must be named: it needs Redis and Postgres
# (tests/run.sh installs them), and time to build. With KEEP=1, the inputs that reached code which none of a corpus does are
# added to it, for a commit.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:?usage: run.sh SECONDS [TARGET ...]}
shift

# libFuzzer is C++.
if ! command -v c++ >/dev/null; then
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo="sudo"
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends g++
fi

if ! cargo fuzz --version >/dev/null 2>&1; then
    cargo install cargo-fuzz --debug --locked
fi

# Coverage instrumentation needs a nightly compiler, or a stable one that is told to behave like it. The address sanitizer
# needs the former; without unsafe code it would find little.
fuzz=(cargo fuzz)
if cargo +nightly --version >/dev/null 2>&1; then
    fuzz=(cargo +nightly fuzz)
else
    export RUSTC_BOOTSTRAP=1
fi

with_servers=claims_in_servers
features=""
case " $* " in *" $with_servers "*) features=--features=servers ;; esac

if [ $# -gt 0 ]; then
    targets=("$@")
else
    # By way of a variable, since a failure within `<(…)` goes unnoticed.
    list=$("${fuzz[@]}" list | grep -v "^$with_servers\$")
    mapfile -t targets <<<"$list"
fi
if [ -z "${targets[0]}" ]; then
    echo "there are no fuzz targets" >&2
    exit 1
fi

# One target: what it learns goes into a folder outside the repository; the committed corpus grows only when asked to.
run_target() {
    local target=$1 corpus
    corpus=corpus/${target%_in_servers}
    # Not local: for the trap.
    work=$(mktemp -d)
    mkdir -p "$corpus" "$work/learned" "$work/tmp"
    # As /tmp is: Postgres does not run as root.
    chmod 755 "$work"
    # In a process group of its own, so that the servers that it has started end with it.
    set -m
    TMPDIR=$work/tmp $cargo_fuzz run $features --sanitizer none "$target" "$work/learned" "$corpus" -- \
        -max_total_time="$seconds" -dict=countersign.dict -max_len=8192 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        >"$work/log" 2>&1 &
    set +m
    trap 'kill -KILL -- "-$!" 2>/dev/null; rm -rf "$work"' EXIT
    if ! wait "$!"; then
        printf '%s: FINDING\n' "$target"
        tail -n 60 "$work/log"
        return 255 # xargs begins no other target.
    fi
    if [ -n "${KEEP:-}" ]; then
        # By code alone: how often it was reached would keep ten times as many.
        $cargo_fuzz run $features --sanitizer none "$target" "$corpus" "$work/learned" -- \
            -set_cover_merge=1 -use_counters=0 -max_len=8192 >"$work/merge" 2>&1 || { tail -n 60 "$work/merge"; return 255; }
    fi
    printf '%s: %s\n' "$target" "$(grep -o 'Done [0-9]* runs in [0-9]* second(s)' "$work/log" || tail -n 1 "$work/log")"
}
export -f run_target
export cargo_fuzz="${fuzz[*]}" features seconds

"${fuzz[@]}" build $features --sanitizer none
# One on each core.
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I '{}' bash -c 'run_target "$1"' - '{}'
