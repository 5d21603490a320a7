#!/usr/bin/env bash
# Runs every test. Installs what a fresh Debian machine with only the Rust toolchain lacks, and nothing that is there.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
# Linking needs a C compiler, and so do SQLite and the TLS library of `countersign send`.
command -v cc >/dev/null || missing+=(gcc libc6-dev)
# The program's allocator is built with it.
command -v make >/dev/null || missing+=(make)
# Valgrind follows the secrets.
command -v valgrind >/dev/null || missing+=(valgrind libc6-dbg)
# The clock of one gateway steps.
ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1 || missing+=(libfaketime)
# The tests start servers of their own, on loopback and in folders of their own.
command -v redis-server >/dev/null || missing+=(redis-server)
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing+=(postgresql)

if [ "${#missing[@]}" -gt 0 ]; then
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo="sudo"
    $sudo apt-get update -qq
    # Debian starts a server when it installs one, and makes a database for it, unless it is told not to.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        printf '#!/bin/sh\nexit 101\n' | $sudo tee /usr/sbin/policy-rc.d >/dev/null
        $sudo chmod +x /usr/sbin/policy-rc.d
        trap '$sudo rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        $sudo mkdir -p /etc/postgresql-common
        echo "create_main_cluster = false" | $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o Dpkg::Options::=--force-confold "${missing[@]}"
fi

# The examples' and the README's commands use the program itself.
cargo build --locked --bin countersign
cargo test --locked --workspace --no-fail-fast
# Valkey is held to the same where it is installed; in Debian it is from 13 on, and in the backports of 12.
if command -v valkey-server >/dev/null; then
    REDIS_SERVER=valkey-server cargo test --locked -p countersign-tests \
        --test replay_redis --test replay_cluster --test replay_tls --test replay_model
fi
