#!/bin/sh
# The tests that need no root and no network. Prints what `go test -json` prints; make check shows it (gotestsum).
set -u
cd "$(dirname "$0")/.."

status=0
tied() { test/shell.sh -c 'exec "$@"' sh "$@" || status=1; } # ends with this script
race=
if command -v gcc >/dev/null; then race=-race; fi # the race detector needs a C compiler

tied env ${race:+CGO_ENABLED=1} go test -json $race ./...
tied go test -C packaging -json ./...
# Of the test programs, what looks at files only, and what is computed.
tied go test -C test -json ./docs ./schema ./runtime ./bench ./benchredirect ./measure
exit $status
