#!/bin/sh
# packages.sh PROGRAM:PACKAGE[,PACKAGE]...: sees to the programs that the tests or
# the demo run; a PROGRAM with a slash is a pattern of files. On Debian it installs what is missing and says so, elsewhere it
# names it and fails.
set -eu

missing=
for need; do
	program=${need%%:*} packages=$(echo "${need#*:}" | tr , ' ')
	case $program in
	# shellcheck disable=SC2086 # a pattern
	*/*) ls $program >/dev/null 2>&1 ;;
	*) PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null ;;
	esac || missing="$missing $packages"
done

if [ -n "$missing" ]; then
	if [ -e /etc/debian_version ] && [ "$(id -u)" = 0 ]; then
		echo "installing from Debian:$missing"
		export DEBIAN_FRONTEND=noninteractive
		apt-get update -qq
		# shellcheck disable=SC2086 # a list of names
		apt-get install -qq -y --no-install-recommends $missing >/dev/null
	else
		echo "missing here, please install:$missing" >&2
		exit 1
	fi
fi

if ! [ -e /dev/net/tun ]; then
	modprobe tun 2>/dev/null || true # the next line judges
	[ -e /dev/net/tun ] || { echo "there is no /dev/net/tun: load the kernel module (modprobe tun)" >&2; exit 1; }
fi
