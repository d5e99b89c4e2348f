#!/bin/sh
# The tests that need no root and no network. Prints what `go test -json` prints; make check shows it (gotestsum).
set -u
cd "$(dirname "$0")/.."

status=0
tied() { test/shell.sh -c 'exec "$@"' sh "$@" || status=1; } # ends when this script ends
race=
if command -v gcc >/dev/null; then race=-race; fi # the race detector needs a C compiler

tied env ${race:+CGO_ENABLED=1} go test -json $race ./...
tied go test -C packaging -json ./...
# Tests that read files of the project, and unit tests of the test programs.
tied go test -C test -json ./docs ./schema ./runtime ./bench ./benchredirect ./measure
exit $status
