#!/usr/bin/env bash
# Compares our verdicts with those of the providers' own SDKs: see README.md. Needs Node.js 20 or newer, and npm, which
# installs the SDKs here; no other test does. Arguments of the program: --requests N, --seed N, --write, PROVIDER...
set -euo pipefail
cd "$(dirname "$0")"

# The versions are pinned in package.json. A lock file would tie them to one registry.
npm install --no-package-lock --ignore-scripts --no-audit --no-fund --silent

cargo run --quiet --locked -p countersign-tests --bin differential -- "$@"
