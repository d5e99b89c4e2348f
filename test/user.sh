#!/bin/sh
# As root: runs the end-to-end tests as a user without any privilege, on a machine that lets everybody open /dev/net/tun, as
# udev sets it up on ordinary hosts. That user and its subordinate IDs exist in this mount namespace only. Prints what
# `go test -json` prints. Arguments go to the tests: test/user.sh -test.run TestAdd
set -eu
cd "$(dirname "$0")/.."

mounts=$(readlink /proc/self/ns/mnt)
if [ "${TAP_USER_OUTSIDE:-$mounts}" = "$mounts" ]; then
	export TAP_USER_OUTSIDE="$mounts"
	exec unshare --mount --propagation private test/shell.sh test/user.sh "$@"
fi

id=64900
mount -t tmpfs -o mode=0755 net /dev/net
mknod /dev/net/tun c 10 200
chmod 0666 /dev/net/tun

room=/mnt
mount -t tmpfs -o mode=0755 room $room
grants='subuid:taptest:1000000:65536 subgid:taptest:1000000:65536'
[ "${SUBIDS:-}" != none ] || grants=
for line in passwd:taptest:x:$id:$id::/:/bin/sh group:taptest:x:$id: $grants; do
	file=${line%%:*}
	{ [ ! -e "/etc/$file" ] || cat "/etc/$file"; echo "${line#*:}"; } >"$room/$file"
	chmod 0644 "$room/$file"
	[ -e "/etc/$file" ] || : >"/etc/$file"
	mount --bind "$room/$file" "/etc/$file"
done

# A copy of what the tests read, which everybody can read.
mkdir -m 0755 $room/src $room/src/test
tar -c --mode=a+rX --exclude=bin/golangci-lint --exclude=bin/runtime --exclude=bin/dist \
	bin docs examples internal schema README.md test/e2e test/harness | tar -x -C $room/src
cd $room/src/test/e2e

exec setpriv --pdeathsig KILL $room/src/bin/test2json -t -p tap/test/e2e \
	setpriv --reuid $id --regid $id --clear-groups --inh-caps=-all \
	env HOME=/ TMPDIR=/tmp TAP_UNPRIVILEGED=yes TAP_BIN=$room/src/bin \
	$room/src/bin/tests/e2e.test -test.v=test2json -test.timeout=15m "$@"
