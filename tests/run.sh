#!/usr/bin/env bash
# Runs every test. Installs what a fresh Debian machine with only the Rust toolchain lacks, and nothing that is there.
set -euo pipefail
cd "$(dirname "$0")/.."

# Linking needs a C compiler, and so does the TLS library of `countersign send`.
if ! command -v cc >/dev/null; then
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo="sudo"
    $sudo apt-get update -qq
    $sudo apt-get install -y -qq --no-install-recommends gcc libc6-dev
fi

# The examples' and the README's commands use the program itself.
cargo build --locked --bin countersign
cargo test --locked --workspace --no-fail-fast
