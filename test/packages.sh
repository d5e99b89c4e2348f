#!/bin/sh
# Sees to the programs that the tests and the demo run: on Debian it installs
# what is missing and says so, elsewhere it names it and fails.
set -eu

missing=
for need in ip:iproute2 tc:iproute2 ping:iputils-ping nsenter:util-linux strace:strace gcc:gcc; do
	program=${need%%:*} package=${need#*:}
	if ! command -v "$program" >/dev/null && ! [ -x "/usr/sbin/$program" ] && ! [ -x "/sbin/$program" ]; then
		case " $missing " in *" $package "*) ;; *) missing="$missing $package" ;; esac
	fi
done
# gcc builds the race detector's programs, which need the C library's headers
if [ -z "$missing" ] && ! [ -e /usr/include/stdlib.h ]; then
	missing=" libc6-dev"
fi
case $missing in *gcc*) missing="$missing libc6-dev" ;; esac

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
