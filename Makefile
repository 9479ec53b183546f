# Everything is built here and nowhere else. `make` alone says what there is.

GO        ?= go
ADDR      ?= 127.0.0.1:8080
BIN       := bin/glassbox
PROGRAMS  := assets/bin/glassbox-init assets/bin/seccomp-run assets/bin/hello-world
FRONT     := assets/dist/manifest.json
GO_FILES  := $(shell find cmd sandbox server assets lessons -name '*.go' 2>/dev/null) go.mod go.sum
WEB_FILES := $(shell find web/src web/styles web/build.mjs web/package-lock.json -type f 2>/dev/null)
EMBEDDED  := $(shell find lessons server/templates server/lesson/words.txt server/lesson/template sandbox/rootfs/lab sandbox/rootfs/layers \
               sandbox/rootfs/manifest.yaml sandbox/image/images.yaml sandbox/image/files sandbox/image/npm sandbox/seccomp/syscalls.txt \
               assets/profiles -type f 2>/dev/null)

# Tests take Alpine's tarball from beside the project, where it is there.
ifneq ($(wildcard ../shared/alpine),)
test test-go test-vm e2e verify bench: export GLASSBOX_ROOTFS ?= $(abspath ../shared/alpine)
endif

# Small static programs: they run inside sandboxes, and on machines without a C library of the build machine's.
STATIC := CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w'

.DEFAULT_GOAL := help
.PHONY: help run build test test-go test-web test-vm e2e verify lint bench clean install-run install-test install-vm install-arm64 FORCE

help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: install-run build ## start the lab at http://127.0.0.1:8080 (as root; ADDR=… for another address)
	$(BIN) serve --addr $(ADDR)

build: $(BIN) ## build bin/glassbox

test: install-test build lint test-go test-web verify e2e ## all that proves it works, but for the virtual machine

test-go: build
	$(GO) test -race -timeout 30m ./...

test-web: $(FRONT)
	cd web && npm run --silent check && npm run --silent test

test-vm: install-vm build ## the sandbox tests and verify on Debian's kernel with cgroup v2, in QEMU
	vagrant/vm/run.sh

e2e: install-test build ## a learner's way through the lessons, in Chromium
	cd web && GLASSBOX_BIN=$(CURDIR)/$(BIN) npm run --silent e2e

verify: build ## prove every exercise of every lesson in fresh sandboxes
	$(BIN) verify

lint: build ## everything that can be said about the code without running it
	vagrant/lint.sh

bench: install-test build ## measure, beside runc, bubblewrap and a bare pty
	vagrant/bench.sh

clean: ## remove what was built, but not the caches
	rm -rf bin $(PROGRAMS) web/node_modules
	find assets/dist -mindepth 1 ! -name .gitkeep -delete

install-run install-test install-vm install-arm64: install-%:
	@vagrant/install.sh $*

$(BIN): $(GO_FILES) $(PROGRAMS) $(FRONT) $(EMBEDDED)
	$(STATIC) -o $@ ./cmd/glassbox

assets/bin/%: $(GO_FILES)
	$(STATIC) -o $@ ./cmd/$*

$(FRONT): web/node_modules/.package-lock.json $(WEB_FILES)
	cd web && npm run --silent build

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@
