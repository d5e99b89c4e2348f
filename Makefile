# make build | test | faults | vm-test | load | demo | bench | lint | dist | dist-test; as root, but for build, lint and
# dist. README.md says what they show.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
# What the tests and the demo run beside the plugin, pinned.
PLUGINS_VERSION := v1.9.1
CNITOOL_VERSION := v1.3.1
LINT_VERSION := v2.15.0
NFPM_VERSION := v2.43.0

PLUGINS := github.com/containernetworking/plugins/plugins
export CGO_ENABLED := 0
GOBUILD := go build -trimpath -buildvcs=false
STRIPPED := -s -w
# go install into a folder of ours, whatever the caller's environment says
GOINSTALL = env GOBIN=$(CURDIR)/$(1) GOFLAGS= go install -trimpath

# Programs of the distribution, with the Debian packages that have them.
DEMO_PROGRAMS := ip:iproute2 tc:iproute2 ping:iputils-ping
VM_PROGRAMS := $(DEMO_PROGRAMS) qemu-system-x86_64:qemu-system-x86 /boot/vmlinuz-*-cloud-amd64:linux-image-cloud-amd64 \
	/bin/busybox:busybox-static modprobe:kmod secilc:secilc
TEST_PROGRAMS := $(DEMO_PROGRAMS) unshare:util-linux strace:strace gcc:gcc,libc6-dev
DIST_PROGRAMS := $(DEMO_PROGRAMS) unshare:util-linux rpm:rpm qemu-s390x:qemu-user strace:strace

.PHONY: build test faults vm-test load demo bench lint dist dist-test tools neighbours clean

build: ## bin/tap, static
	$(GOBUILD) -ldflags '$(STRIPPED) -X main.buildVersion=$(VERSION)' -o bin/tap ./cmd/tap

test: ## unit, race and end-to-end tests
	@test/root.sh
	@test/packages.sh $(TEST_PROGRAMS)
	@$(MAKE) --no-print-directory build tools
	test/run.sh

# Every system call of the plugin fails, and it is killed at each; some five minutes.
# FAULTS=all leaves nothing out. FAULT='…' tries only the one that a line of the report names.
FAULTS ?= quick

faults: ## system calls that fail, and kills: docs/reliability.md
	@test/root.sh
	@test/packages.sh $(TEST_PROGRAMS)
	@$(MAKE) --no-print-directory build neighbours
	cd test/faults && FAULTS=$(FAULTS) go test -count=1 -timeout 60m -parallel 6 $(if $(FAULT),-v)

vm-test: ## virtual machines, from Debian's packages, under software emulation
	@test/root.sh
	@test/packages.sh $(VM_PROGRAMS)
	@$(MAKE) --no-print-directory build tools
	cd test/vm && VM=1 go test -count=1 -timeout 20m -v $(if $(VM_RUN),-run '$(VM_RUN)')

# Longer, or the same choices again: make load LOAD='-for 10m -seed 1'
LOAD ?= -for 5m

load: ## many attachments at a time, killed at random; verbs that race
	@test/root.sh
	@test/packages.sh $(TEST_PROGRAMS)
	@$(MAKE) --no-print-directory build tools
	go test -C test -count=1 -v -timeout 24h ./load $(LOAD)

demo: ## the plugin's main job on a real namespace
	@test/root.sh
	@test/packages.sh $(DEMO_PROGRAMS)
	@$(MAKE) --no-print-directory build neighbours bin/ptp
	cd test && $(GOBUILD) -o ../bin/ ./guest ./demo
	bin/demo

# Fewer runs: make bench BENCH=-quick
BENCH ?=

bench: ## beside the reference and an empty program: docs/benchmarks.md
	@test/root.sh
	@test/packages.sh strace:strace ip:iproute2
	@$(MAKE) --no-print-directory build tools
	cd test && $(GOBUILD) -o ../bin/ ./bench
	bin/bench -docs docs $(BENCH)

lint: bin/golangci-lint
	bin/golangci-lint run ./...
	for module in test test/dist packaging; do (cd $$module && $(CURDIR)/bin/golangci-lint run --config $(CURDIR)/.golangci.yml ./...) || exit 1; done

# The same bytes from the same source, wherever it lies: nothing of them tells when they were made.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 315532800)

dist: bin/nfpm ## bin/dist: tarballs, .deb, .rpm, an image, for every architecture
	cd packaging && $(GOBUILD) -o ../bin/ .
	SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) bin/packaging -version $(VERSION)

dist-test: ## what dist makes, installed, used and removed
	@test/root.sh
	@test/packages.sh $(DIST_PROGRAMS)
	@$(MAKE) --no-print-directory dist neighbours bin/bridge bin/cnitool
	go test -C packaging ./...
	for arch in arm64 riscv64 s390x; do GOARCH=$$arch go vet ./... || exit 1; done
	cd test/dist && go vet ./... && DIST=1 go test -count=1 -timeout 30m $(if $(DIST_RUN),-v -run '$(DIST_RUN)') ./...

# Plugins that the tests put into a chain with ours.
CHAINED := bin/bridge bin/ptp bin/bandwidth bin/sbr bin/tuning

# What the tests run beside the plugin.
tools: neighbours $(CHAINED) bin/cnitool bin/reference/tap
	cd test && $(GOBUILD) -o ../bin/ ./guest ./vm/confined && $(GOBUILD) -o ../bin/fake ./fakeipam
	cd test && $(GOBUILD) -ldflags '$(STRIPPED)' -o ../bin/ ./bench/empty # a start of Go, and nothing else
	$(GOBUILD) -tags shortlimit -o bin/short/tap ./cmd/tap # the plugin, with less patience for IPAM

neighbours: bin/host-local bin/static
	@:

# They depend on the versions above; go install leaves an equal file alone.
bin/host-local bin/static: Makefile
	$(call GOINSTALL,bin) $(PLUGINS)/ipam/$(@F)@$(PLUGINS_VERSION)
	@touch $@

bin/bridge bin/ptp: Makefile
	$(call GOINSTALL,bin) $(PLUGINS)/main/$(@F)@$(PLUGINS_VERSION)
	@touch $@

bin/bandwidth bin/sbr bin/tuning: Makefile
	$(call GOINSTALL,bin) $(PLUGINS)/meta/$(@F)@$(PLUGINS_VERSION)
	@touch $@

bin/reference/tap: Makefile
	$(call GOINSTALL,bin/reference) $(PLUGINS)/main/tap@$(PLUGINS_VERSION)
	@touch $@

bin/cnitool: Makefile
	$(call GOINSTALL,bin) github.com/containernetworking/cni/cnitool@$(CNITOOL_VERSION)
	@touch $@

bin/nfpm: Makefile
	$(call GOINSTALL,bin) github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)
	@touch $@

bin/golangci-lint: Makefile
	$(call GOINSTALL,bin) github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@touch $@

clean:
	rm -rf bin
