#!/bin/sh
# `make test-vm`: the tests of the sandbox, and `glassbox verify`, on Debian's kernel with cgroup version 2. The program and
# its parts are built before (make build).
#
#   vagrant/vm/run.sh [tests|verify]     one half of it
#   vagrant/vm/run.sh tests PACKAGE …    the tests of these packages only, such as ./server/...
#   vagrant/vm/run.sh verify LESSON …    these lessons only, be it for hours
#   ARCH=arm64 vagrant/vm/run.sh …       the same on an emulated arm64 machine; `make install-arm64` installs what it takes
set -eu
cd "$(dirname "$0")/../.."
half=${1:-both}
[ $# -eq 0 ] || shift
glassbox=${GLASSBOX_BIN:-bin/glassbox}

vm=.cache/bin/vm
mkdir -p .cache/bin
CGO_ENABLED=0 go build -o "$vm" ./vagrant/vm
arch=${ARCH:-amd64}

# The layers of the sandboxes' root are made here, where there is a network, and brought. Alpine's tarball for the architecture
# lies in GLASSBOX_ROOTFS, or is downloaded.
alpine=${GLASSBOX_ROOTFS:-}
if [ -z "$alpine" ] && [ -d ../shared/alpine ]; then alpine=$(cd ../shared/alpine && pwd); fi
if [ -n "$alpine" ]; then export GLASSBOX_ROOTFS="$alpine"; fi
bring=
add() {
	if [ -e "$1" ]; then bring="$bring --put $1"; fi
}
layers=$(mktemp)
trap 'rm -f "$layers"' EXIT
if [ "$arch" = arm64 ]; then
	# Glassbox makes the layers of its own architecture. So it is arm64's that runs here, under QEMU, and calls this machine's
	# apt-get for arm64's packages. A layer with an engine would take arm64's go too, of which the kernel here knows nothing.
	glassbox=.cache/vm/arm64/glassbox
	mkdir -p .cache/vm/arm64
	"$vm" build --arch arm64 ./cmd/glassbox "$glassbox"
	APT_CONFIG=$PWD/.cache/vm/arm64/apt/apt.conf qemu-aarch64 "$glassbox" rootfs >"$layers"
else
	"$glassbox" rootfs --tools docker >"$layers"
	"$glassbox" images build | sed -n 's/^store */layer images /p' >>"$layers"
fi
while read -r what _ image; do
	[ "$what" = layer ] || continue
	add "$image"
	add "${image%.ext4}.json"
done <"$layers"
# What tests have of their own, the newest; and what the images are made of, which the registry serves.
dir=$(dirname "$(awk '$1 == "layer" { print $3; exit }' "$layers")")
# shellcheck disable=SC2012 # our own files, without spaces or lines in their names
image=$(ls -t "$dir"/extra-*.ext4 2>/dev/null | head -n 1)
if [ "$arch" = amd64 ]; then
	if [ -n "$image" ]; then
		add "$image"
		add "${image%.ext4}.json"
	fi
	add "$(dirname "$dir")/images"
fi
if [ -n "${GLASSBOX_CACHE:-}" ]; then bring="$bring --env GLASSBOX_CACHE=$GLASSBOX_CACHE"; fi
if [ -n "$alpine" ]; then bring="$bring --put $alpine --env GLASSBOX_ROOTFS=$alpine"; fi

# What meets the kernel. Package rootfs meets Debian's archive, which the machine does not reach; package kernel's own tests
# want util-linux on the host, and verify reads all of it in there.
packages="./sandbox ./sandbox/cgroup ./sandbox/doctor ./sandbox/kmsg ./sandbox/network ./sandbox/seccomp ./cmd/seccomp-run"
if [ "$arch" = amd64 ]; then packages="$packages ./sandbox/enginetest"; fi

status=0
if [ "$half" = tests ] && [ $# -gt 0 ]; then
	# Tests of package kernel make a box by themselves, with this machine's shell and util-linux, on a /mnt.
	mnt=$(mktemp -d)
	trap 'rm -rf "$layers" "$mnt"' EXIT
	touch "$mnt/.keep"
	# shellcheck disable=SC2046,SC2086
	"$vm" test --arch "$arch" --timeout 6h --env GLASSBOX_EMULATED=1 --put /bin/bash --put /bin/bash:/bin/sh --put /usr/bin/unshare --put "$mnt":/mnt $bring \
		$(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' "$@") || status=$?
	exit "$status"
fi
if [ "$half" != verify ]; then
	# shellcheck disable=SC2086 # the flags are words
	"$vm" test --arch "$arch" --env GLASSBOX_REQUIRE="${GLASSBOX_REQUIRE:-}" --env GLASSBOX_EMULATED=1 $bring $packages || status=$?
	# Short-lived states, and the talk's commands: those of the first half, and the first slide with containers. (On 2026-11-26 all slides
	# on which nothing is compiled passed here; it took a quarter of an hour.)
	slides='Control_groups|Pivot_root|Namespaces|A_primordial_container|Secure_computing|Linux_capabilities|Overlays'
	if [ "$arch" = amd64 ]; then slides="$slides|Where_are_containers_running"; fi
	# shellcheck disable=SC2086
	"$vm" test --arch "$arch" --env GLASSBOX_REQUIRE="${GLASSBOX_REQUIRE:-}" --env GLASSBOX_EMULATED=1 $bring ./cmd/glassbox -- \
		-test.run "^TestEver|^TestDeck\$/^($slides)\$" || status=$?
fi
prove() {
	# shellcheck disable=SC2086
	"$vm" run --arch "$arch" --timeout "$1" $bring --put "$glassbox":/usr/local/bin/glassbox -- glassbox verify $2 || status=$?
}
# A program that is compiled takes minutes in an emulated machine. So of the lessons with an engine only those that compile
# nothing are proven here by themselves, once; the others when they are named.
if [ "$half" != tests ] && [ $# -gt 0 ]; then
	prove 6h "--once --workers 2 $*"
elif [ "$half" != tests ] && [ -z "${NO_VERIFY:-}" ]; then
	primitives="what-you-trust control-groups changing-root namespaces primordial-container seccomp capabilities overlays review"
	if [ "$arch" = amd64 ]; then
		prove 30m "$primitives"
		prove 30m "--once --workers 2 containers-are-processes walls-of-docker"
	else
		prove 90m "--workers 2 $primitives" # it took half an hour and more beside other work; there is no engine in there
	fi
fi
exit "$status"
