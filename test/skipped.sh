#!/bin/sh
# Prints why tests were skipped, after a run of gotestsum, which tells it the file with all that the tests printed.
set -eu
reasons=$(sed -n 's/.*"Action":"output".*"Output":"  *[a-z0-9_]*\.go:[0-9]*: \(needs .*\)\\n"}$/\1/p' "$GOTESTSUM_JSONFILE" | sort | uniq -c)
[ -z "$reasons" ] || printf '\nSkipped, with the reason:\n%s\n' "$reasons"
