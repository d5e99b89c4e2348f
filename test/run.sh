#!/bin/sh
# All tests, the quick ones first. Prints what `go test -json` prints; make test shows it (gotestsum).
# Arguments go to the end-to-end tests: test/run.sh -run TestDel
set -u
cd "$(dirname "$0")/.."

TMPDIR=$(mktemp -d) || exit 1 # removed with what interrupted tests leave in it
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 130' INT TERM

status=0
# tied runs a command that ends when this script ends, also if the script is killed.
tied() { test/shell.sh -c 'exec "$@"' sh "$@" || status=1; }

# The race detector needs a C compiler.
race=
if command -v gcc >/dev/null; then race=-race; fi

# Unit tests, with the race detector.
tied env ${race:+CGO_ENABLED=1} go test -json $race ./...

# End to end on this kernel, and under load (some four minutes).
tied go test -C test -json -count=1 -p 1 -timeout 20m "$@" ./... # one package at a time: some measure rates, one is load

if [ -n "$race" ]; then
	# End to end, the plugin built with the race detector.
	tied env CGO_ENABLED=1 go build -race -buildvcs=false -o bin/race/tap ./cmd/tap
	export TAP_PLUGIN="$PWD/bin/race/tap" GORACE="halt_on_error=1 exitcode=66 atexit_sleep_ms=20"
	tied go test -C test -json -count=1 -timeout 15m -run 'TestAdd|TestRoutes|TestDel|TestCheck|TestIPAM|TestStatus' ./e2e
fi
exit $status
