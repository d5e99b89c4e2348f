# make build | test | faults | vm-test | runtime-test | dist | dist-test | load | demo | bench | bench-redirect | lint;
# as root, but for build, dist and lint. README.md says what they show.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
# What the tests and the demo run beside the plugin, pinned.
PLUGINS_VERSION := v1.9.1
CNITOOL_VERSION := v1.3.1
LINT_VERSION := v2.15.0
NFPM_VERSION := v2.43.0

# Each is a module of its own, so that its dependencies reach nothing else.
MODULES := test/runtime/modules
PLUGINS := github.com/containernetworking/plugins/plugins
export CGO_ENABLED := 0
GOBUILD := go build -trimpath -buildvcs=false
STRIPPED := -s -w
# go install into a folder of ours, whatever the caller's environment says
GOINSTALL = env GOBIN=$(CURDIR)/$(1) GOFLAGS= go install -trimpath

# Programs of the distribution, with the Debian packages that have them.
DEMO_PROGRAMS := ip:iproute2 tc:iproute2 ping:iputils-ping
DPDK_PROGRAMS := dpdk-testpmd:dpdk-dev mausezahn:netsniff-ng
QEMU_PROGRAMS := qemu-system-x86_64:qemu-system-x86 /boot/vmlinuz-*-cloud-amd64:linux-image-cloud-amd64 modprobe:kmod
VM_PROGRAMS := $(DEMO_PROGRAMS) $(QEMU_PROGRAMS) /bin/busybox:busybox-static secilc:secilc
RUNTIME_PROGRAMS := $(DEMO_PROGRAMS) podman:podman runc:runc containerd:containerd /bin/busybox:busybox-static \
	findmnt:util-linux pgrep:procps
TEST_PROGRAMS := $(DEMO_PROGRAMS) unshare:util-linux strace:strace gcc:gcc,libc6-dev iperf3:iperf3
DIST_PROGRAMS := $(DEMO_PROGRAMS) unshare:util-linux rpm:rpm qemu-s390x:qemu-user strace:strace

.PHONY: build test faults vm-test runtime-test runtimes load demo bench bench-redirect lint dist dist-test tools neighbours clean help

build: ## bin/tap, static (the default)
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

# A part whose runtime cannot be had is skipped, with the reason; in CI that is a failure.
runtime-test: ## in Podman, containerd and others: docs/podman.md, docs/containerd.md
	@test/root.sh
	-@test/packages.sh $(RUNTIME_PROGRAMS)
	-@test/packages.sh $(QEMU_PROGRAMS)
	-@test/packages.sh $(DPDK_PROGRAMS)
	@$(MAKE) --no-print-directory build tools
	-@$(MAKE) --no-print-directory --keep-going runtimes
	cd test/runtime && RUNTIME=1 go test -count=1 -timeout 20m -v $(if $(RUNTIME_RUN),-run '$(RUNTIME_RUN)')

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

bench-redirect: ## the data path of redirect mode beside others: docs/benchmarks-redirect.md
	@test/root.sh
	@test/packages.sh ip:iproute2 tc:iproute2
	@$(MAKE) --no-print-directory build bin/reference/tc-redirect-tap
	cd test && $(GOBUILD) -o ../bin/ ./guest ./benchredirect
	bin/benchredirect -docs docs $(BENCH)

lint: bin/golangci-lint ## golangci-lint, over every module
	bin/golangci-lint run --allow-parallel-runners ./...
	for module in test test/dist packaging $(MODULES)/*; do (cd $$module && $(CURDIR)/bin/golangci-lint run --allow-parallel-runners --config $(CURDIR)/.golangci.yml ./...) || exit 1; done

# The same bytes from the same source, wherever it lies: nothing of them tells when they were made.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 315532800)

dist: bin/nfpm ## bin/dist: tarballs, .deb, .rpm, an image, for every architecture
	@[ ! -e .git ] || git rev-parse HEAD >/dev/null # a clone that git does not read would be dated and named wrongly
	cd packaging && $(GOBUILD) -o ../bin/ .
	SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) bin/packaging -version '$(VERSION)'
	@ls bin/dist

dist-test: ## what dist makes, installed, used and removed
	@test/root.sh
	@test/packages.sh $(DIST_PROGRAMS)
	@$(MAKE) --no-print-directory dist neighbours bin/bridge bin/cnitool
	go test -C packaging ./...
	for arch in arm64 riscv64 s390x; do GOARCH=$$arch go vet -trimpath ./... || exit 1; done # dist has compiled for it
	cd test/dist && go vet ./... && DIST=1 go test -count=1 -timeout 30m $(if $(DIST_RUN),-v -run '$(DIST_RUN)') ./...

# Plugins that the tests put into a chain with ours.
CHAINED := bin/bridge bin/ptp bin/bandwidth bin/sbr bin/tuning

# What the tests run beside the plugin.
tools: neighbours $(CHAINED) bin/cnitool bin/reference/tap bin/reference/tc-redirect-tap bin/vmconf
	cd test && $(GOBUILD) -o ../bin/ ./guest ./vm/confined && $(GOBUILD) -o ../bin/fake ./fakeipam
	cd test && $(GOBUILD) -ldflags '$(STRIPPED)' -o ../bin/ ./bench/empty # a start of Go, and nothing else
	$(GOBUILD) -tags shortlimit -o bin/short/tap ./cmd/tap # the plugin, with less patience for IPAM

neighbours: bin/host-local bin/static
	@:

# They depend on the versions above; go install leaves an equal file alone.
bin/host-local bin/static: Makefile
	$(call GOINSTALL,bin) $(PLUGINS)/ipam/$(@F)@$(PLUGINS_VERSION)
	@touch $@

bin/bridge bin/ptp bin/loopback: Makefile
	$(call GOINSTALL,bin) $(PLUGINS)/main/$(@F)@$(PLUGINS_VERSION)
	@touch $@

bin/bandwidth bin/sbr bin/tuning: Makefile
	$(call GOINSTALL,bin) $(PLUGINS)/meta/$(@F)@$(PLUGINS_VERSION)
	@touch $@

bin/reference/tap: Makefile
	$(call GOINSTALL,bin/reference) $(PLUGINS)/main/tap@$(PLUGINS_VERSION)
	@touch $@

bin/reference/tc-redirect-tap: test/tcredirecttap/go.mod Makefile
	cd $(<D) && $(GOBUILD) -o $(CURDIR)/$@ github.com/awslabs/tc-redirect-tap/cmd/tc-redirect-tap
	@touch $@

# Reads a result of redirect mode as the Firecracker SDK does.
bin/vmconf: $(MODULES)/firecracker/go.mod $(MODULES)/firecracker/vmconf/main.go
	cd $(<D) && $(GOBUILD) -o $(CURDIR)/$@ ./vmconf
	@touch $@

bin/cnitool: Makefile
	$(call GOINSTALL,bin) github.com/containernetworking/cni/cnitool@$(CNITOOL_VERSION)
	@touch $@

# Runtimes that Debian does not have.
RUNTIMES := bin/loopback bin/runtime/containerd2/containerd $(addprefix bin/runtime/, cri multus gocni gocni1.6 microvm)

runtimes: $(RUNTIMES)

CONTAINERD2 := github.com/containerd/containerd/v2/cmd
bin/runtime/containerd2/containerd: $(MODULES)/containerd2/go.mod
	@mkdir -p $(@D)
	cd $(<D) && $(GOBUILD) -o $(CURDIR)/$(@D)/ $(CONTAINERD2)/containerd $(CONTAINERD2)/containerd-shim-runc-v2 $(CONTAINERD2)/ctr
	@touch $@

MULTUS := gopkg.in/k8snetworkplumbingwg/multus-cni.v4/cmd/multus
bin/runtime/multus: $(MODULES)/multus/go.mod $(MODULES)/multus/apiserver/main.go
	@mkdir -p $(@D)
	cd $(<D) && $(GOBUILD) -ldflags '$(STRIPPED)' -o $(CURDIR)/$(@D)/ $(MULTUS) ./apiserver
	@touch $@

bin/runtime/gocni: $(MODULES)/consumers/go.mod $(MODULES)/consumers/gocni/main.go
	@mkdir -p $(@D)
	cd $(<D) && $(GOBUILD) -o $(CURDIR)/$(@D)/ ./gocni github.com/cri-o/ocicni/tools/ocicnitool
	@touch $@

bin/runtime/gocni1.6: $(MODULES)/consumers/containerd1.6.mod $(MODULES)/consumers/gocni/main.go
	@mkdir -p $(@D)
	cd $(<D) && $(GOBUILD) -modfile $(<F) -o $(CURDIR)/$@ ./gocni
	@touch $@

bin/runtime/microvm: $(MODULES)/firecracker/go.mod $(MODULES)/firecracker/main.go
	@mkdir -p $(@D)
	cd $(<D) && $(GOBUILD) -o $(CURDIR)/$@ .
	@touch $@

bin/runtime/cri: $(MODULES)/containerd2/go.mod $(MODULES)/containerd2/cri/main.go
	@mkdir -p $(@D)
	cd $(<D) && $(GOBUILD) -o $(CURDIR)/$@ ./cri
	@touch $@

bin/nfpm: Makefile
	$(call GOINSTALL,bin) github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)
	@touch $@

bin/golangci-lint: Makefile
	$(call GOINSTALL,bin) github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@touch $@

clean: ## removes bin/
	rm -rf bin

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-16s %s\n", $$1, $$2}' Makefile
