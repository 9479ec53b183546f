#!/bin/sh
# Installs what `make run` or `make test` needs from Debian's packages, and says what it would need where it may not.
#
#   vagrant/install.sh run|test|vm|arm64
set -eu

purpose=${1:?usage: vagrant/install.sh run|test|vm|arm64}

# Each line: the purpose from which on it is needed, a program or file that shows that it is there, its Debian package. What
# the emulated arm64 machine takes is installed for that purpose only.
wanted='
run  /sbin/mke2fs               e2fsprogs
run  /usr/bin/dpkg-deb          dpkg
run  /bin/busybox               busybox-static
run  /sbin/modprobe             kmod
test /usr/bin/gcc               gcc
test /usr/include/stdio.h       libc6-dev
test /usr/bin/chromium          chromium
test /usr/bin/shellcheck        shellcheck
test /usr/bin/git               git
vm   /usr/bin/qemu-system-x86_64 qemu-system-x86
vm   /sbin/debugfs              e2fsprogs
arm64 /usr/bin/qemu-system-aarch64 qemu-system-arm
arm64 /usr/bin/qemu-aarch64     qemu-user
'

needs() {
	case "$purpose" in
	run) [ "$1" = run ] ;;
	test) [ "$1" = run ] || [ "$1" = test ] ;;
	arm64) [ "$1" = run ] || [ "$1" = arm64 ] ;;
	*) [ "$1" != arm64 ] ;;
	esac
}

missing=
while read -r from shows package; do
	if [ -z "$from" ] || ! needs "$from"; then continue; fi
	# With merged /usr, /sbin and /usr/sbin are the same place; without it, they are not.
	[ -e "$shows" ] || [ -e "/usr$shows" ] || missing="$missing $package"
done <<EOF
$wanted
EOF

for tool in go node npm; do
	if ! command -v "$tool" >/dev/null 2>&1; then
		echo "glassbox needs $tool, which is not installed or not in PATH; see the README, \"What it needs\"." >&2
		exit 1
	fi
done

[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
	echo "glassbox needs these packages, and may not install them here (that takes root on Debian):" >&2
	echo "  apt-get install$missing" >&2
	exit 1
fi

echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # the names are words
apt-get install -qq -y --no-install-recommends $missing >/dev/null 2>&1 ||
	{ apt-get update -qq && apt-get install -qq -y --no-install-recommends $missing >/dev/null; }
