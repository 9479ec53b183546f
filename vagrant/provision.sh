#!/bin/sh
# Makes a Debian 12 machine into one that runs Glassbox as a service. It may be run again at any time.
#
#   vagrant/provision.sh [SOURCE]       as root; SOURCE is the directory with this repository (default: the one it is in)
#
# GLASSBOX_ADDR in the environment says where the service listens: 0.0.0.0:8080 by default, which is right for a machine
# behind a forwarded port, as Vagrant's is, and wrong for one that others can reach.
set -eu

source=$(realpath "${1:-$(dirname "$0")/..}")
addr=${GLASSBOX_ADDR:-0.0.0.0:8080}

say() { printf '\n== %s\n' "$*"; }

[ "$(id -u)" = 0 ] || { echo "provision.sh: must be run as root" >&2; exit 1; }
. /etc/os-release
[ "${ID:-}" = debian ] || { echo "provision.sh: is for Debian, and this is ${PRETTY_NAME:-something else}" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive

say "settings of the kernel"
install -m 0644 "$source/vagrant/glassbox.sysctl" /etc/sysctl.d/90-glassbox.conf
# Not sysctl(8), which fails where the kernel lacks one, leading dash or not.
/lib/systemd/systemd-sysctl /etc/sysctl.d/90-glassbox.conf

say "packages"
apt-get update -qq
apt-get install -qq -y --no-install-recommends ca-certificates make nodejs npm >/dev/null
if ! command -v go >/dev/null 2>&1; then
	# Bookworm's own Go is too old to fetch a newer one; that of its backports does so by itself, and checks it
	# against the checksum database. go.mod says which one it must be.
	if [ "${VERSION_CODENAME:-}" = bookworm ]; then
		cat >/etc/apt/sources.list.d/bookworm-backports.sources <<-EOF
			Types: deb
			URIs: http://deb.debian.org/debian
			Suites: bookworm-backports
			Components: main
			Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
		EOF
		apt-get update -qq
		apt-get install -qq -y --no-install-recommends -t bookworm-backports golang-go >/dev/null
	else
		apt-get install -qq -y --no-install-recommends golang-go >/dev/null
	fi
fi
"$source/vagrant/install.sh" run

say "build"
export GOTOOLCHAIN=auto HOME="${HOME:-/root}"
make --no-print-directory -C "$source" build
install -d /opt/glassbox
install -m 0644 "$source/README.md" "$source/LICENSE" /opt/glassbox/
# Not over the running program, which is busy, but in its place.
install -m 0755 "$source/bin/glassbox" /usr/local/bin/glassbox.new
mv /usr/local/bin/glassbox.new /usr/local/bin/glassbox

say "what sandboxes are made of"
XDG_CACHE_HOME=/var/cache glassbox rootfs

say "service"
[ -e /etc/default/glassbox ] || echo "GLASSBOX_ADDR=$addr" >/etc/default/glassbox
install -m 0644 "$source/vagrant/glassbox.service" /etc/systemd/system/glassbox.service
systemctl daemon-reload
systemctl enable --quiet glassbox.service
systemctl restart glassbox.service

# It answers at once, with 503 until the layers are there: that may take as long as it takes, silence two minutes at most.
port=${addr##*:}
ask="fetch('http://127.0.0.1:$port/healthz').then(r => process.exit(r.ok ? 0 : r.status === 503 ? 3 : 1), () => process.exit(1))"
tries=0
until node -e "$ask"; do
	[ "$?" -eq 3 ] || tries=$((tries + 1))
	if [ "$tries" -ge 120 ]; then
		journalctl --no-pager --lines 30 --unit glassbox.service >&2
		echo "provision.sh: the service does not answer; its last words are above" >&2
		exit 1
	fi
	sleep 1
done

say "what this machine has"
glassbox doctor || true
echo
echo "Glassbox is at http://127.0.0.1:$port (or at the port that is forwarded to it)."
