# Everything here needs Go, git and make only; tools are built from their modules into bin/.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# One go build already uses every core.
.NOTPARALLEL:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# From the proxy alone: with ",direct" an unknown version ends as a git error about another host.
export GOPROXY ?= https://proxy.golang.org
export KUBEBUILDER_ASSETS := $(CURDIR)/bin
# One set of flags for binaries and tests, so that every package is compiled once.
export CGO_ENABLED := 0
export GOFLAGS := $(GOFLAGS) -trimpath

VERSION ?= $(shell git describe --tags --always 2>/dev/null || echo dev)
IMAGE ?= holdfast:$(VERSION)
CONTAINER ?= docker
GO_BUILD := go build

CONTROL_PLANE := bin/kube-apiserver bin/etcd bin/kubectl
GENERATORS := bin/controller-gen bin/kustomize
TEST_TOOLS := $(CONTROL_PLANE) $(GENERATORS) bin/gotestsum bin/golangci-lint bin/oidc-provider bin/helm

UNIT_PACKAGES := ./api/... ./internal/... ./cmd/... ./hack/...
# Rooms where goroutines meet; the race detector needs a C compiler. Of the rest test-race takes care: with client-go
# it compiles for minutes.
RACE_PACKAGES := ./internal/flow/... ./internal/courier/... ./internal/store/... ./internal/deliver/... ./internal/identity/...
SERVER_PACKAGES := ./controllers/... ./test/...

##@ Use

.PHONY: help
help: ## Show every target.
	@awk 'BEGIN {FS = "( &)?:.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-zA-Z0-9_.\/ -]+( &)?:.*## / {printf "  %-20s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: $(CONTROL_PLANE) bin/oidc-provider bin/holdfast bin/demo ## Start a Kubernetes API, Holdfast, an inbox, a demo shop and a place to sign in; Ctrl-C stops all.
	@exec bin/demo

##@ Check

.PHONY: test
test: ## Everything CI runs: lint, generated files, all tests; sets up what it needs.
	@$(MAKE) --keep-going lint verify test-all

.PHONY: test-all
test-all: $(TEST_TOOLS) bin/holdfast bin/demo ## All tests with one summary, without lint and verify.
	@hack/setup-chromium.sh
	@hack/setup-mail.sh
	@hack/setup-postgres.sh
	@bin/gotestsum --format pkgname-and-test-fails --raw-command -- \
		hack/test.sh '$(RACE_PACKAGES)' '$(UNIT_PACKAGES)' '$(SERVER_PACKAGES)'

.PHONY: test-unit
test-unit: ## Tests that need neither API server nor browser, the long ones in small (seconds; needs PostgreSQL).
	@go test -short $(UNIT_PACKAGES)

.PHONY: test-race
test-race: ## Every unit test under the race detector (needs a C compiler; minutes).
	@CGO_ENABLED=1 go test -race $(UNIT_PACKAGES)

.PHONY: lint
lint: bin/golangci-lint ## Check style, the import table and the banned names.
	@bin/golangci-lint run
	@hack/lint/selftest.sh

.PHONY: verify
verify: $(GENERATORS) ## Check that generated files, formatting and go.mod are up to date; changes nothing.
	@hack/verify.sh

.PHONY: bench
bench: $(CONTROL_PLANE) ## Measure against bare baselines (docs/benchmarks.md).
	@go run ./test/bench

##@ Change

.PHONY: generate
generate: bin/controller-gen ## Regenerate deepcopy code, CRDs, the OpenAPI documents and the chart's copy of config/.
	@mkdir -p config/crd docs/openapi
	@bin/controller-gen object paths=./api/...
	@bin/controller-gen crd paths=./api/... output:crd:dir=config/crd
	@hack/chart-files.sh
	@for listener in public service; do go run ./cmd/holdfast openapi $$listener > docs/openapi/$$listener.json; done

.PHONY: fmt
fmt: bin/golangci-lint ## Format the code and sort imports.
	@bin/golangci-lint fmt

.PHONY: tidy
tidy: ## Tidy go.mod here and in every tools module.
	@for dir in . hack/tools/*/; do go -C $$dir mod tidy; done

##@ Build

.PHONY: build
build: bin/holdfast ## Build bin/holdfast.

.PHONY: image
image: ## Build the container image (CONTAINER=docker or podman, IMAGE=name:tag).
	@command -v $(CONTAINER) >/dev/null || { echo "$(CONTAINER) not found: install it or set CONTAINER" >&2; exit 1; }
	@$(CONTAINER) build --build-arg VERSION=$(VERSION) --tag $(IMAGE) .

.PHONY: tools
tools: $(TEST_TOOLS) bin/benchstat ## Build every tool that tests and benchmarks need into bin/.

.PHONY: clean
clean: ## Remove bin/ and the data of make run.
	@rm -rf bin .run

.PHONY: FORCE
bin/holdfast: FORCE ## The one binary (the go command decides what is stale).
	@$(GO_BUILD) -ldflags "-s -w -X main.version=$(VERSION)" -o $@ ./cmd/holdfast

bin/demo: FORCE ## What make run starts.
	@$(GO_BUILD) -o $@ ./hack/demo

##@ Tools (each built once, anew when its module changes)

# $(call tool,MODULE,PACKAGE) builds the target of the rule.
define tool
	@echo "building $@ (once; this may take minutes)"
	@CGO_ENABLED=0 go build -C hack/tools/$(1) -trimpath -ldflags "-s -w" -o ../../../$@ $(2)
	@touch $@
endef

# kubectl refuses to parse the empty version that a plain go build leaves.
KUBE_VERSION := $(shell awk '$$1 == "k8s.io/kubernetes" {print $$2}' hack/tools/k8s/go.mod)
KUBE_NUMBERS := $(subst ., ,$(KUBE_VERSION:v%=%))
KUBE_LDFLAGS := -X k8s.io/component-base/version.gitVersion=$(KUBE_VERSION) \
	-X k8s.io/component-base/version.gitMajor=$(word 1,$(KUBE_NUMBERS)) \
	-X k8s.io/component-base/version.gitMinor=$(word 2,$(KUBE_NUMBERS)) \
	-X k8s.io/component-base/version.gitTreeState=clean

bin/kube-apiserver bin/kubectl bin/etcd &: hack/tools/k8s/go.mod hack/tools/k8s/go.sum ## Kubernetes API server, kubectl and etcd, in one build.
	@echo "building kube-apiserver, kubectl and etcd (once; this takes minutes)"
	@CGO_ENABLED=0 go build -C hack/tools/k8s -trimpath -ldflags "-s -w $(KUBE_LDFLAGS)" -o ../../../bin/ \
		k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kubectl go.etcd.io/etcd/server/v3
	@mv bin/server bin/etcd
	@touch $(CONTROL_PLANE)

bin/controller-gen: hack/tools/gen/go.mod hack/tools/gen/go.sum ## Generator of CRDs and deepcopy code.
	$(call tool,gen,sigs.k8s.io/controller-tools/cmd/controller-gen)

bin/kustomize: hack/tools/gen/go.mod hack/tools/gen/go.sum ## Builder of config/.
	$(call tool,gen,sigs.k8s.io/kustomize/kustomize/v5)

bin/gotestsum: hack/tools/gen/go.mod hack/tools/gen/go.sum ## Test runner with one summary.
	$(call tool,gen,gotest.tools/gotestsum)

bin/benchstat: hack/tools/gen/go.mod hack/tools/gen/go.sum ## Comparison of benchmark runs.
	$(call tool,gen,golang.org/x/perf/cmd/benchstat)

bin/golangci-lint: hack/tools/lint/go.mod hack/tools/lint/go.sum ## Linter.
	$(call tool,lint,github.com/golangci/golangci-lint/v2/cmd/golangci-lint)

bin/oidc-provider: hack/tools/oidc/go.mod hack/tools/oidc/go.sum ## OpenID Connect provider of make run and of the tests.
	$(call tool,oidc,github.com/zitadel/oidc/v3/example/server)

bin/helm: hack/tools/helm/go.mod hack/tools/helm/go.sum ## Helm, for the tests of charts/.
	$(call tool,helm,helm.sh/helm/v4/cmd/helm)
