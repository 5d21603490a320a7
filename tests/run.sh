#!/usr/bin/env bash
# Runs every test. Installs what a fresh Debian machine with only the Rust toolchain lacks, and nothing that is there.
set -euo pipefail
cd "$(dirname "$0")/.."

# Linking needs a C compiler, and so does the TLS library of `countersign send`. Valgrind follows the secrets.
missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
command -v valgrind >/dev/null || missing+=(valgrind libc6-dbg)
if [ ${#missing[@]} -gt 0 ]; then
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo="sudo"
    $sudo apt-get update -qq
    $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

# The examples' and the README's commands use the program itself.
cargo build --locked --bin countersign
cargo test --locked --workspace --no-fail-fast
