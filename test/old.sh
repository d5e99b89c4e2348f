#!/bin/sh
# old.sh COMMIT FILE COMMAND...: builds FILE from the sources of a commit of this repository. COMMAND is `go build` with its options.
# Without the commit it says why, removes FILE and succeeds: the tests that need FILE are skipped, or fail in CI.
set -eu
commit=$1 file=$PWD/$2 source=$PWD/$2.source
shift 2

# tied runs a command that ends with this script, however the script ends.
tied() { test/shell.sh -c 'exec "$@"' sh "$@"; }

missing() {
	echo "$file is not built, and tests that need it are skipped: $*" >&2
	exit 0
}

rm -rf "$file" "$source"
[ -e .git ] || missing "this is not a git repository"
# a shallow clone does not have the commit
git cat-file -e "$commit^{commit}" 2>/dev/null ||
	tied env GIT_TERMINAL_PROMPT=0 git fetch --quiet --depth=1 origin "$commit" || missing "git cannot fetch commit $commit"

mkdir -p "$source"
git archive --output "$source.tar" "$commit"
tar -x -C "$source" -f "$source.tar"
tied env -C "$source" "$@" -o "$file" ./cmd/tap
rm -rf "$source" "$source.tar"
