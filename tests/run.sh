#!/usr/bin/env bash
# Runs every test. First installs with apt what a Debian machine with only the Rust toolchain lacks.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
# Linking needs a C compiler, and so do SQLite and the TLS library of `countersign send`.
command -v cc >/dev/null || missing+=(gcc libc6-dev)
# The program's allocator is built with it.
command -v make >/dev/null || missing+=(make)
# The test of constant time.
command -v valgrind >/dev/null || missing+=(valgrind libc6-dbg)
# A test that steps a gateway's clock.
ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1 || missing+=(libfaketime)
# The tests start private servers, on loopback and in temporary folders.
command -v redis-server >/dev/null || missing+=(redis-server)
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing+=(postgresql)

# Installs without what Debian does by default: start each server, and create a Postgres cluster.
apt_install() {
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        printf '#!/bin/sh\nexit 101\n' | $sudo tee /usr/sbin/policy-rc.d >/dev/null
        $sudo chmod +x /usr/sbin/policy-rc.d
        undo+=(/usr/sbin/policy-rc.d)
    fi
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        $sudo mkdir -p /etc/postgresql-common
        echo "create_main_cluster = false" | $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o Dpkg::Options::=--force-confold "$@"
}

# Debian 13 has Valkey. Debian 12 has it in its backports, which are added as a source for this installation only.
install_valkey() {
    $sudo apt-get update -qq
    if apt-cache show valkey-server >/dev/null 2>&1; then
        apt_install valkey-server
        return
    fi
    local codename archive list=/etc/apt/sources.list.d/countersign-tests.list
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    archive=$(apt-get indextargets --format '$(REPO_URI)' "Created-By: Packages" "Codename: $codename" | head -n 1)
    undo+=("$list")
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $codename-backports main" |
        $sudo tee "$list" >/dev/null
    $sudo apt-get update -qq && apt_install -t "$codename-backports" valkey-server
}

undo=()
sudo=""
[ "$(id -u)" -eq 0 ] || sudo="sudo"
trap '[ "${#undo[@]}" -eq 0 ] || $sudo rm -f "${undo[@]}"' EXIT
if [ "${#missing[@]}" -gt 0 ]; then
    $sudo apt-get update -qq
    apt_install "${missing[@]}"
fi
if ! command -v valkey-server >/dev/null; then
    install_valkey || true # Reported below.
fi

# Also builds the program, which the tests of the examples' and the README's commands run.
cargo test --locked --workspace --no-fail-fast
# Valkey must pass the tests of Redis. `--workspace`, although they are in one package: without it, cargo would build
# everything again with the features of that package alone.
if command -v valkey-server >/dev/null; then
    REDIS_SERVER=valkey-server cargo test --locked --workspace \
        --test replay_redis --test replay_cluster --test replay_tls --test replay_model
else
    echo "NOT TESTED: Valkey, which cannot be installed here; its package is valkey-server" >&2
fi
