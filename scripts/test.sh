#!/usr/bin/env bash
# Installs what is missing, then runs every check and test: scripts/test.sh [STEP...]; --list names the steps.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 4
# The build is a step of its own below, so that a tree that does not compile is one failed check and not the end.
bash scripts/bootstrap.sh --no-build
status=$?
if [ $status -ne 0 ]; then
  echo "the machine could not be made ready (scripts/bootstrap.sh ended with $status)"
  echo "0 passed, 1 failed"
  exit $status
fi
exec node scripts/test.mjs "$@"
