#!/bin/sh
# Says at once, before anything is built, that root is needed.
if [ "$(id -u)" != 0 ]; then
	echo "run as root: network namespaces and devices are made" >&2
	exit 1
fi
