# make help lists the targets. README.md says what each shows.

# A program that a recipe executes by exec ends when make ends, also if make is killed (test/shell.sh).
SHELL := test/shell.sh
TIED := "$(CURDIR)/test/shell.sh"
# Debian keeps ip and tc where an ordinary user's PATH does not lead.
export PATH := $(PATH):/usr/sbin:/sbin

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

# Versions of what is built with Go's own tools. renovate.json makes Renovate read these comments.
# renovate: datasource=go depName=github.com/containernetworking/plugins
PLUGINS_VERSION := v1.9.1
# renovate: datasource=go depName=github.com/containernetworking/cni/cnitool
CNITOOL_VERSION := v1.3.1
# renovate: datasource=go depName=github.com/golangci/golangci-lint/v2
LINT_VERSION := v2.15.0
# renovate: datasource=go depName=github.com/goreleaser/nfpm/v2
NFPM_VERSION := v2.43.0
# renovate: datasource=go depName=gotest.tools/gotestsum
GOTESTSUM_VERSION := v1.13.0
# renovate: datasource=go depName=github.com/rhysd/actionlint
ACTIONLINT_VERSION := v1.7.12
# renovate: datasource=go depName=golang.org/x/vuln
GOVULNCHECK_VERSION := v1.9.0

# Each is a module of its own, so that its dependencies reach nothing else.
MODULES := test/runtime/modules
PLUGINS := github.com/containernetworking/plugins/plugins
export CGO_ENABLED := 0
GOBUILD := go build -trimpath -buildvcs=false
STRIPPED := -s -w
# go install into a directory of this project, whatever the environment says: $(call GOINSTALL,directory)
GOINSTALL = env GOBIN="$(CURDIR)/$(1)" GOFLAGS= go install -trimpath

# The programs that a target needs, each with Debian's package that has it. `make deps` installs them.
NEEDS_demo := ip:iproute2 tc:iproute2 ping:iputils-ping unshare:util-linux
NEEDS_test := $(NEEDS_demo) strace:strace gcc:gcc /usr/include/stdlib.h:libc6-dev iperf3:iperf3
NEEDS_faults := $(NEEDS_test)
NEEDS_hostile := $(NEEDS_test)
NEEDS_load := $(NEEDS_test)
NEEDS_user-test := $(NEEDS_test) newuidmap:uidmap useradd:passwd
NEEDS_dist-test := $(NEEDS_demo) rpm:rpm qemu-s390x:qemu-user strace:strace
NEEDS_qemu := qemu-system-x86_64:qemu-system-x86 /boot/vmlinuz-*-cloud-amd64:linux-image-cloud-amd64 modprobe:kmod
NEEDS_vm-test := $(NEEDS_demo) $(NEEDS_qemu) strace:strace /bin/busybox:busybox-static secilc:secilc
NEEDS_runtime-test := $(NEEDS_demo) $(NEEDS_qemu) podman:podman runc:runc containerd:containerd /bin/busybox:busybox-static \
	findmnt:util-linux pgrep:procps dpdk-testpmd:dpdk-dev mausezahn:netsniff-ng
NEEDS_bench := ip:iproute2 tc:iproute2 strace:strace
NEEDED_BY := demo test faults hostile load user-test dist-test vm-test runtime-test bench
NEED = @test/deps.sh need $@ $(NEEDS_$@)

# Runs `go test` with more arguments, and prints at the end the names of the tests that failed, or that all passed. The argument
# is the format in which gotestsum shows the tests while they run.
SUM = exec "$(CURDIR)/bin/gotestsum" --hide-summary=output,skipped --format $(1) --jsonfile "$(CURDIR)/bin/$@.json" \
	--post-run-command "'$(CURDIR)/test/skipped.sh'" --raw-command --
GOTEST = $(SUM) $(TIED) -c 'exec go test -json "$$@"' go

.PHONY: build deps check lint vulnerabilities test user-test interrupt-test faults hostile vm-test runtime-test runtimes load nightly demo bench \
	bench-redirect dist dist-test tools neighbours clean help

build: ## bin/tap, static (the default)
	@[ ! -e bin/tap ] || [ -w bin/tap ] || { echo "make: bin/ belongs to another user, who built there: use another clone, or make clean as that user" >&2; exit 1; }
	$(GOBUILD) -ldflags '$(STRIPPED) -X main.buildVersion=$(VERSION)' -o bin/tap ./cmd/tap

# What another target needs: make deps FOR=vm-test. Everything: make deps FOR=all
FOR ?= demo test

deps: ## as root: installs Debian's packages for demo and test, or FOR others
	@$(foreach target,$(filter-out all $(NEEDED_BY),$(FOR)),echo "make deps: no target $(target) needs packages: FOR is all, or some of: $(NEEDED_BY)" >&2; exit 1;)
	@test/deps.sh install $(sort $(foreach target,$(if $(filter all,$(FOR)),$(NEEDED_BY),$(FOR)),$(NEEDS_$(target))))

check: build lint bin/gotestsum bin/actionlint vulnerabilities ## without root: lint, unit tests, schema, documentation
	@exec bin/actionlint .github/workflows/*.yml
	@$(call SUM,pkgname-and-test-fails) $(TIED) test/check.sh

lint: bin/golangci-lint ## golangci-lint, over every module
	exec bin/golangci-lint run --allow-parallel-runners ./...
	for module in test test/dist packaging $(MODULES)/*; do (cd $$module && exec $(TIED) -c 'exec "$$0/bin/golangci-lint" run --allow-parallel-runners --config "$$0/.golangci.yml" ./...' "$(CURDIR)") || exit 1; done

vulnerabilities: bin/govulncheck
	@exec test/vulnerabilities.sh bin/govulncheck ./...

test: ## unit, race and end-to-end tests; without root, those that do not need it
	$(NEED)
	@exec $(MAKE) --no-print-directory build tools bin/gotestsum
	@$(call SUM,pkgname-and-test-fails) $(TIED) test/run.sh

# The end-to-end tests as a user without privilege runs them, if everybody may open /dev/net/tun. SUBIDS=none: a user whom /etc/subuid
# grants no IDs.
user-test: ## as root: the end-to-end tests as another user
	@test/root.sh $@
	$(NEED)
	@exec $(MAKE) --no-print-directory build tools bin/gotestsum bin/tests bin/test2json
	@$(call SUM,pkgname-and-test-fails) $(TIED) test/user.sh

# make guard-TARGET runs a target from surroundings unlike a developer's, and fails if the machine is different afterwards. It is for CI:
# it changes settings of the machine while it runs.
guard-%:
	@test/root.sh $@
	@cd test && exec $(GOBUILD) -o ../bin/ ./guard
	@exec bin/guard $(UNDER_GUARD) --no-print-directory $*
UNDER_GUARD := $(MAKE) # under this name make -n does not execute the line

# INTERRUPT=all interrupts every target in every way.
INTERRUPT ?= quick

interrupt-test: ## as root: interrupts other targets; nothing may be left. Needs the programs of all (deps FOR=all)
	@test/root.sh $@
	@exec $(MAKE) --no-print-directory build tools bin/gotestsum
	@cd test/interrupt && export INTERRUPT='$(or $(INTERRUPT),quick)' && $(call GOTEST,testname) -count=1 -timeout 60m $(if $(INTERRUPT_RUN),-run '$(INTERRUPT_RUN)')

# Every system call of the plugin fails, and it is killed at each; some five minutes.
# FAULTS=all leaves nothing out. FAULT='…' tries only the one that a line of the report names.
FAULTS ?= quick

faults: ## as root: system calls that fail, and kills: docs/reliability.md
	@test/root.sh $@
	$(NEED)
	@exec $(MAKE) --no-print-directory build neighbours bin/gotestsum
	@cd test/faults && export FAULTS='$(or $(FAULTS),quick)' && $(call GOTEST,$(if $(FAULT),standard-verbose,standard-quiet)) -count=1 -timeout 60m -parallel 6 $(if $(FAULT),-v)

# make test runs these attacks as well, and shows only those that succeed. HOSTILE=all makes them larger, and takes 2 GB of memory.
HOSTILE ?= quick

hostile: ## as root: attacks of pods and guests, each with its bound and its figure: docs/threat-model.md
	@test/root.sh $@
	$(NEED)
	@exec $(MAKE) --no-print-directory build tools bin/gotestsum
	@cd test && export HOSTILE='$(or $(HOSTILE),quick)' && $(call GOTEST,standard-verbose) -count=1 -v -timeout 60m ./hostile $(if $(HOSTILE_RUN),-run '$(HOSTILE_RUN)')

vm-test: ## as root: virtual machines, from Debian's packages, under software emulation
	@test/root.sh $@
	$(NEED)
	@exec $(MAKE) --no-print-directory build tools bin/gotestsum bin/tests
	@cd test/vm && export VM=1 && $(call GOTEST,testname) -count=1 -timeout 20m $(if $(VM_RUN),-run '$(VM_RUN)')

# A part whose runtime cannot be had is skipped, with the reason; in CI that is a failure.
runtime-test: ## as root: in Podman, containerd and others: docs/podman.md, docs/containerd.md
	@test/root.sh $@
	@test/deps.sh want $@ $(NEEDS_$@)
	@exec $(MAKE) --no-print-directory build tools bin/gotestsum
	-@exec $(MAKE) --no-print-directory --keep-going runtimes
	@cd test/runtime && export RUNTIME=1 && $(call GOTEST,testname) -count=1 -timeout 20m $(if $(RUNTIME_RUN),-run '$(RUNTIME_RUN)')

# Longer, or the same choices again: make load LOAD='-for 10m -seed 1'
LOAD ?= -for 5m

load: ## as root: many attachments at a time, killed at random; verbs that race
	@test/root.sh $@
	$(NEED)
	@exec $(MAKE) --no-print-directory build tools bin/gotestsum
	@cd test && $(call GOTEST,standard-verbose) -count=1 -v -timeout 24h ./load $(LOAD)

nightly: ## as root: what takes too long for each commit; two hours
	exec $(MAKE) --no-print-directory faults FAULTS=all
	exec $(MAKE) --no-print-directory hostile HOSTILE=all
	exec $(MAKE) --no-print-directory load LOAD='-for 30m'
	exec $(MAKE) --no-print-directory interrupt-test INTERRUPT=all
	exec env SUBIDS=none $(MAKE) --no-print-directory user-test

demo: ## as root: the plugin's main job on a real namespace
	@test/root.sh $@
	$(NEED)
	@exec $(MAKE) --no-print-directory build neighbours bin/ptp
	cd test && exec $(GOBUILD) -o ../bin/ ./guest ./demo
	@exec bin/demo

# Fewer runs: make bench BENCH=-quick
BENCH ?=

bench: ## as root: beside the reference and an empty program: docs/benchmarks.md
	@test/root.sh $@
	$(NEED)
	@exec $(MAKE) --no-print-directory build tools
	cd test && exec $(GOBUILD) -o ../bin/ ./bench
	exec bin/bench -docs docs $(BENCH)

bench-redirect: ## as root: the data path of redirect mode beside others: docs/benchmarks-redirect.md
	@test/root.sh $@
	@test/deps.sh need bench $(NEEDS_bench)
	@exec $(MAKE) --no-print-directory build bin/reference/tc-redirect-tap
	cd test && exec $(GOBUILD) -o ../bin/ ./guest ./benchredirect
	exec bin/benchredirect -docs docs $(BENCH)

# The same bytes from the same source, wherever it lies: nothing of them tells when they were made.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 315532800)

dist: bin/nfpm ## bin/dist: tarballs, .deb, .rpm, an image, for every architecture
	@[ ! -e .git ] || git rev-parse HEAD >/dev/null # a clone that git does not read would be dated and named wrongly
	cd packaging && exec $(GOBUILD) -o ../bin/ .
	exec env SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) bin/packaging -version '$(VERSION)'
	@ls bin/dist

dist-test: ## as root: what dist makes, installed, used and removed
	@test/root.sh $@
	$(NEED)
	@exec $(MAKE) --no-print-directory dist neighbours bin/bridge bin/cnitool bin/gotestsum
	exec go test -C packaging ./...
	for arch in arm64 riscv64 s390x; do GOARCH=$$arch go vet -trimpath ./... || exit 1; done # dist has compiled for it
	cd test/dist && exec go vet ./...
	@cd test/dist && export DIST=1 && $(call GOTEST,testname) -count=1 -timeout 30m $(if $(DIST_RUN),-run '$(DIST_RUN)') ./...

# Plugins that the tests put into a chain with ours.
CHAINED := bin/bridge bin/ptp bin/bandwidth bin/sbr bin/tuning

# What the tests run beside the plugin.
tools: neighbours $(CHAINED) bin/cnitool bin/reference/tap bin/reference/tc-redirect-tap bin/vmconf bin/old/tap
	cd test && exec $(GOBUILD) -o ../bin/ ./guest ./vm/confined
	cd test && exec $(GOBUILD) -o ../bin/fake ./fakeipam
	cd test && exec $(GOBUILD) -ldflags '$(STRIPPED)' -o ../bin/ ./bench/empty # a start of Go, and nothing else
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
	cd $(<D) && exec $(GOBUILD) -o "$(CURDIR)/$@" github.com/awslabs/tc-redirect-tap/cmd/tc-redirect-tap
	@touch $@

# The plugin as it was before its inside was redesigned. Nodes have attachments that it made: test/e2e/upgrade_test.go.
OLD := 6d59ffdfc50a03de2b32f10c98d91d443dd8f624
bin/old/tap: test/old.sh Makefile
	@exec test/old.sh $(OLD) $@ $(GOBUILD) -ldflags '$(STRIPPED) -X main.buildVersion=$(OLD)'

# Reads a result of redirect mode as the Firecracker SDK does.
bin/vmconf: $(MODULES)/firecracker/go.mod $(MODULES)/firecracker/vmconf/main.go
	cd $(<D) && exec $(GOBUILD) -o "$(CURDIR)/$@" ./vmconf
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
	cd $(<D) && exec $(GOBUILD) -o "$(CURDIR)/$(@D)/" $(CONTAINERD2)/containerd $(CONTAINERD2)/containerd-shim-runc-v2 $(CONTAINERD2)/ctr
	@touch $@

MULTUS := gopkg.in/k8snetworkplumbingwg/multus-cni.v4/cmd/multus
bin/runtime/multus: $(MODULES)/multus/go.mod $(MODULES)/multus/apiserver/main.go
	@mkdir -p $(@D)
	cd $(<D) && exec $(GOBUILD) -ldflags '$(STRIPPED)' -o "$(CURDIR)/$(@D)/" $(MULTUS) ./apiserver
	@touch $@

bin/runtime/gocni: $(MODULES)/consumers/go.mod $(MODULES)/consumers/gocni/main.go
	@mkdir -p $(@D)
	cd $(<D) && exec $(GOBUILD) -o "$(CURDIR)/$(@D)/" ./gocni github.com/cri-o/ocicni/tools/ocicnitool
	@touch $@

bin/runtime/gocni1.6: $(MODULES)/consumers/containerd1.6.mod $(MODULES)/consumers/gocni/main.go
	@mkdir -p $(@D)
	cd $(<D) && exec $(GOBUILD) -modfile $(<F) -o "$(CURDIR)/$@" ./gocni
	@touch $@

bin/runtime/microvm: $(MODULES)/firecracker/go.mod $(MODULES)/firecracker/main.go
	@mkdir -p $(@D)
	cd $(<D) && exec $(GOBUILD) -o "$(CURDIR)/$@" .
	@touch $@

bin/runtime/cri: $(MODULES)/containerd2/go.mod $(MODULES)/containerd2/cri/main.go
	@mkdir -p $(@D)
	cd $(<D) && exec $(GOBUILD) -o "$(CURDIR)/$@" ./cri
	@touch $@

bin/nfpm: Makefile
	$(call GOINSTALL,bin) github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)
	@touch $@

# The end-to-end and fault tests, compiled: for machines and users that have no Go.
bin/tests: FORCE
	@mkdir -p $@
	cd test && exec go test -c -o ../$@/ ./e2e ./faults
FORCE:

bin/test2json: Makefile
	$(GOBUILD) -o $@ cmd/test2json

bin/gotestsum: Makefile
	$(call GOINSTALL,bin) gotest.tools/gotestsum@$(GOTESTSUM_VERSION)
	@touch $@

bin/actionlint: Makefile
	$(call GOINSTALL,bin) github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION)
	@touch $@

bin/govulncheck: Makefile
	$(call GOINSTALL,bin) golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)
	@touch $@

bin/golangci-lint: Makefile
	$(call GOINSTALL,bin) github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@touch $@

clean: ## removes bin/
	rm -rf bin

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-16s %s\n", $$1, $$2}' Makefile
