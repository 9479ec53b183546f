#!/bin/sh
# `make bench`: measures beside other programs in the same run, and writes docs/benchmarks.md.
set -eu
cd "$(dirname "$0")/.."
out=$(mktemp)
trap 'rm -f "$out"' EXIT

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	for pair in runc:runc bwrap:bubblewrap podman:'podman crun netavark iptables'; do
		# shellcheck disable=SC2086 # packages are words
		command -v "${pair%%:*}" >/dev/null 2>&1 || apt-get install -qq -y --no-install-recommends ${pair##*:} >/dev/null
	done
fi

run() { go test -run '^$' -bench "$2" -benchtime "$3" -timeout 20m "$1" | tee -a "$out"; }
run ./sandbox 'Start' 60x
run ./sandbox 'Memory' 1x
run ./sandbox/network 'Attach' 100x
run ./sandbox/enginetest 'Run' 20x
run ./server Keystroke 1000x
run ./server Bulk 2x
run ./cmd/glassbox Panel 500x
run ./cmd/glassbox Look 500x
(cd web && npm run --silent bench) | tee -a "$out"

# shellcheck disable=SC2016 # these are backticks of markdown
{
	echo '# Benchmarks'
	echo
	echo "Made by \`make bench\` on $(date -u +%Y-%m-%d), on $(nproc) processors ($(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)),"
	echo "Linux $(uname -r), memory controller on cgroup version $([ -e /sys/fs/cgroup/cgroup.controllers ] && echo 2 || echo 1). Only ratios within one run mean"
	echo 'anything on another machine.'
	echo
	echo '- `Start/glassbox` is the time from asking for a sandbox to the first byte that a shell in it writes, with all walls up.'
	echo '  `runc` is `runc run`, `bwrap` is `bwrap --unshare-all`, `unshare` is `unshare … chroot`, each up to its first byte, of the'
	echo '  same root.'
	echo '- `Memory` is the private memory of an idle sandbox beyond its shell: its PID 1 (`KiB/pid1`), and what the process of the'
	echo '  lab grew by (`KiB/lab`).'
	echo '- `FirstPrompt` is the time from opening a lesson in Chromium, with a new box, until the prompt is drawn, page and all; and'
	echo '  how many times as long as loading the page that is.'
	echo '- `Run/box` is `docker run --rm alpine true` in a sandbox, `Run/podman` the same podman on the machine itself.'
	echo '- `Look` is one look at a box, for exercises, timeline and panels: four a second while a page of the lesson is open. All are'
	echo '  `anew` while something runs in it, and one of eight while nothing does; the others are `again`. `ps` is one `ps -e` of the'
	echo '  whole machine; `cpu-µs/op` is processor time. A box without a page is not looked at.'
	echo '- The benchmarks of the server hold a websocket against a bare pty: one keystroke, and a large file.'
	echo
	echo '```text'
	grep -E '^(Benchmark|pkg:)' "$out"
	echo '```'
} >docs/benchmarks.md
echo "written to docs/benchmarks.md"
