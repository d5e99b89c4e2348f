#!/bin/sh
# deps.sh install PROGRAM:PACKAGE[,PACKAGE]...          installs what is missing, with apt; loads the kernel module tun
# deps.sh need TARGET PROGRAM:PACKAGE[,PACKAGE]...      fails if something is missing, and says how to get it
# deps.sh want TARGET PROGRAM:PACKAGE[,PACKAGE]...      only says it
#
# PACKAGE is Debian's package of PROGRAM. A PROGRAM with a slash is a pattern of files.
set -eu

mode=$1
shift
target=
[ "$mode" = install ] || { target=$1; shift; }

missing='' packages=''
for need; do
	program=${need%%:*}
	case $program in
	# shellcheck disable=SC2086 # a pattern
	*/*) ls $program >/dev/null 2>&1 ;;
	*) command -v "$program" >/dev/null ;;
	esac && continue
	missing="$missing $program"
	packages="$packages $(echo "${need#*:}" | tr , ' ')"
done

packages=$(echo "$packages" | tr ' ' '\n' | sort -u | tr '\n' ' ')

if [ "$mode" = install ]; then
	if [ "$(id -u)" != 0 ]; then
		echo "make deps: run it as root: it installs packages" >&2
		exit 1
	fi
	if [ -n "$missing" ]; then
		if ! command -v apt-get >/dev/null; then
			echo "make deps: this is not Debian; install these programs in your distribution's way:$missing" >&2
			exit 1
		fi
		echo "installing from Debian: ${packages# }"
		export DEBIAN_FRONTEND=noninteractive
		apt-get update -qq
		# shellcheck disable=SC2086 # a list of names
		apt-get install -qq -y --no-install-recommends $packages >/dev/null
	fi
	[ -e /dev/net/tun ] || modprobe tun 2>/dev/null || true # the targets say what they miss
	command -v go >/dev/null || echo "make deps: there is no go in PATH; Go 1.25 or later is needed" >&2
	exit 0
fi

if [ -n "$missing" ]; then
	echo "make $target: these programs are missing:$missing" >&2
	echo "make $target: as root, \`make deps FOR=$target\` installs them on Debian (packages: ${packages# })" >&2
	[ "$mode" = want ] || exit 1
fi
if ! [ -e /dev/net/tun ]; then
	echo "make $target: /dev/net/tun is missing: load the kernel module with \`modprobe tun\`" >&2
	[ "$mode" = want ] || exit 1
fi
