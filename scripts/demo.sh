#!/usr/bin/env bash
# The whole job once, on a fresh machine: install, build a real guest, migrate it, boot it, show the evidence.
# scripts/demo.sh [FOLDER]     default ./demo; a second run finds nothing to do
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/bootstrap.sh
exec node scripts/demo.mjs "$@"
