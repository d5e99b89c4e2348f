#!/bin/sh
# root.sh TARGET: fails unless root, before anything is built.
if [ "$(id -u)" != 0 ]; then
	echo "make $1: run it as root: it makes network namespaces and devices. Without root: \`make check\` and \`make test\`" >&2
	exit 1
fi
