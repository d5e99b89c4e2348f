#!/bin/sh
# All tests, the quick ones first. As root: they make namespaces and devices.
set -eu
cd "$(dirname "$0")/.."

if [ "$(id -u)" != 0 ]; then
	echo "run as root: the tests make network namespaces and devices" >&2
	exit 1
fi

echo "== unit tests, with the race detector"
CGO_ENABLED=1 go test -race ./...

echo "== end to end, on this kernel"
CGO_ENABLED=0 go build -C test -o /dev/null ./... # everything compiles, the demo too
go test -C test -count=1 "$@" ./...
