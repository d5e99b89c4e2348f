#!/bin/sh
# All tests, the quick ones first. As root: they make namespaces and devices.
# Arguments go to the end-to-end tests: test/run.sh -run TestDel -v
set -eu
cd "$(dirname "$0")/.."

test/root.sh

TMPDIR=$(mktemp -d) # what an interrupted test leaves goes with it
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 130' INT TERM

echo "== unit tests, with the race detector"
CGO_ENABLED=1 go test -race ./...

echo "== end to end, on this kernel, and under load (some four minutes)"
go vet -C test ./... # everything compiles, the demo too
go test -C test -count=1 -p 1 -timeout 15m "$@" ./... # one package at a time: some measure rates, one is load

echo "== end to end, the plugin built with the race detector"
CGO_ENABLED=1 go build -race -buildvcs=false -o bin/race/tap ./cmd/tap
TAP_PLUGIN=$PWD/bin/race/tap GORACE="halt_on_error=1 exitcode=66 atexit_sleep_ms=20" \
	go test -C test -count=1 -timeout 15m -run 'TestAdd|TestRoutes|TestDel|TestCheck|TestIPAM|TestStatus' ./e2e
