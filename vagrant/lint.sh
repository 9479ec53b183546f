#!/bin/sh
# Says what can be said about the code without running it: golangci-lint for Go, shellcheck for the scripts.
set -eu
cd "$(dirname "$0")/.."

# Pinned, and built from source into the cache (about two minutes, once).
version=v2.15.0
lint=.cache/bin/golangci-lint-$version
if [ ! -x "$lint" ]; then
	echo "building golangci-lint $version"
	mkdir -p .cache/bin
	GOBIN=$PWD/.cache/bin GOFLAGS='' go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$version"
	mv .cache/bin/golangci-lint "$lint"
fi
"$lint" run ./...

# Every tracked file that is a shell script, by name or by its first line.
git ls-files -co --exclude-standard -- . ':!:node_modules' | while IFS= read -r file; do
	[ -f "$file" ] || continue
	case "$file" in
	*.sh) echo "$file" ;;
	*.*) ;;
	*) if head -c 64 "$file" | grep -aqE '^#!(/usr)?/bin/(env )?(ba|da)?sh'; then echo "$file"; fi ;;
	esac
done | xargs -r shellcheck -e SC1091,SC2148 # files that are only read by shells have no first line
