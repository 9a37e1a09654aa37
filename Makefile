# frr-renderer: make help lists what there is. Tools come by "go tool" and the distribution.

SHELL := /bin/bash
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# Root builds in somebody else's clone, too, of which git tells Go nothing. The version is VERSION.
export GOFLAGS := $(strip $(shell $(GO) env GOFLAGS) -buildvcs=false)
BIN := bin
# As root the tests must find a real FRR: a skip would hide what was not proven. Others are told what was skipped.
REQUIRE_FRR := $(if $(filter 0,$(shell id -u)),1,)
# The same for the API server, whose tests need FRR too.
REQUIRE_KUBE := $(REQUIRE_FRR)
REQUIRE := FRR_RENDERER_REQUIRE_FRR=$(REQUIRE_FRR) FRR_RENDERER_REQUIRE_KUBE=$(REQUIRE_KUBE)
# The program as tests run it, linked once for all of them: beside what they compile anyway, so not as "make build" does.
BUILT := $(abspath $(BIN))/tested/frr-renderer
# What tests skipped, which go test keeps to itself.
SKIPS := $(abspath $(BIN)/skips)
# How long each fuzz target runs in test-long.
FUZZTIME ?= 60s
# How long an input that has reached new code is made smaller. Go's 60 s, during which a worker tries nothing else, would take all of FUZZTIME.
FUZZMINIMIZE ?= 10x
# Repetitions of the scenarios in test-long.
COUNT ?= 3
# bench-table keeps its rows in TABLE, goes up to TABLE_MAX prefixes, and gives frr-reload.py up after GIVE_UP a change.
TABLE ?= $(BIN)/reload-table.md
TABLE_MAX ?= 50000
GIVE_UP ?= 10m

.PHONY: help
help: ## what this Makefile can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## bin/frr-renderer, a static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o $(BIN)/frr-renderer ./cmd/frr-renderer

.PHONY: frr
frr: ## the FRR versions that the tests need: 8.4 of the distribution, 10.3 unpacked beside it
	@test/frr/install-frr.sh 10.3 >/dev/null

.PHONY: kube
kube: ## kube-apiserver and etcd that the tests need: 4 minutes once; KUBEBUILDER_ASSETS names a folder that has them already
	@test/kube/build.sh >/dev/null

.PHONY: helm
helm: ## helm and Prometheus' parser, that the tests of the chart need: 3 minutes once
	@test/helm/build.sh >/dev/null
	@test/promql/build.sh >/dev/null

.PHONY: chart
chart: ## bin/frr-renderer-VERSION.tgz, the Helm chart
	@mkdir -p $(BIN)
	@helm=$$(test/helm/build.sh) && $$helm lint --strict charts/frr-renderer && $$helm package charts/frr-renderer --destination $(BIN)

.PHONY: image
image: build ## a container image with bin/frr-renderer, named as the chart expects it (needs docker and its daemon; nothing is downloaded)
	@docker info >/dev/null 2>&1 || { echo "*** make image needs a docker daemon, and there is none: nothing was built"; exit 1; }
	docker build --tag frr-renderer:$$(awk '/^appVersion:/ {gsub("\"",""); print $$2}' charts/frr-renderer/Chart.yaml) --file charts/Dockerfile $(BIN)

.PHONY: frr-distribution
frr-distribution:
	@test/frr/install-frr.sh >/dev/null

.PHONY: verify
verify: ## formatting, vet, and that generated files are up to date
	@bad=$$(find . -name '*.go' -not -path './.cache/*' | xargs gofmt -l) || exit 1; [ -z "$$bad" ] || { echo "not gofmt-ed: $$bad"; exit 1; }
	$(GO) vet ./...
	$(GO) mod verify >/dev/null
	@tmp=$$(mktemp -d) && trap "rm -rf $$tmp" EXIT && cp -r api charts docs $$tmp/ && $(MAKE) --no-print-directory generate && \
		diff -r api $$tmp/api && diff -r charts $$tmp/charts && diff -r docs $$tmp/docs || { echo "generated files were out of date: commit what make generate wrote"; exit 1; }

.PHONY: generate
generate: ## deep copies, CRDs, the chart's roles
	$(GO) generate ./api/... ./charts/...

# Seen on two cores with warm caches, and nothing beside: test 29 minutes (verify 1 of them), the short form of test-long 3. Cold caches add 5 for verify
# and 5 for kube.
.PHONY: test
test: frr verify unit ## everything that CI runs, but for the short form of test-long

# Vetting is verify's.
.PHONY: unit
unit: frr $(if $(REQUIRE_KUBE),kube)
	@mkdir -p $(BIN) && rm -f $(SKIPS)
	$(GO) build -o $(BUILT) ./cmd/frr-renderer
	FRR_RENDERER_BUILT=$(BUILT) FRR_RENDERER_SKIPS=$(SKIPS) $(REQUIRE) $(GO) test -vet=off -timeout 30m ./...
	@[ ! -e $(SKIPS) ] || sort $(SKIPS)
	@[ "$(REQUIRE_FRR)" = 1 ] || echo "*** SKIPPED: every test that needs FRR or an API server, since this is not root"

.PHONY: test-long
test-long: frr $(if $(REQUIRE_KUBE),kube) ## the long proofs: each fuzz target for FUZZTIME, the scenarios COUNT times, faults at every point
	@set -e; targets=$$(grep -roE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' .); for found in $${targets//:func /:}; do \
		package=$$(dirname $${found%%:*}); target=$${found##*:}; \
		echo "fuzz $$package $$target for $(FUZZTIME)"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime $(FUZZMINIMIZE) $$package; \
	done
	@[ $(COUNT) = 0 ] || $(REQUIRE) $(GO) test -timeout 60m -count $(COUNT) -run Scenario ./test/frr
	@[ $(COUNT) = 0 ] || $(REQUIRE) $(GO) test -timeout 60m -count 1 -run TestEvery ./test/frr/cluster -args -seed $$RANDOM -steps 400 -orders 40
	@[ $(COUNT) = 0 ] || FRR_RENDERER_REQUIRE_FRR=$(REQUIRE_FRR) $(GO) test -timeout 120m -count 1 ./test/frr/faults -args -points 0
	@[ $(COUNT) = 0 ] || $(REQUIRE) $(GO) test -timeout 180m -count 1 ./test/frr/cluster/faults -args -long -crowd 10000
	@[ $(COUNT) = 0 ] || $(REQUIRE) $(GO) test -timeout 90m -count 1 ./test/frr/gdc/cluster/faults -args -long
	@[ $(COUNT) = 0 ] || $(REQUIRE) FRR_RENDERER_LONG=1 $(GO) test -timeout 30m -count 1 -run TestKeyOfSecretsLost ./internal/source

.PHONY: golden
golden: ## write the expected files of the golden cases anew; read the difference before you commit it
	$(GO) test ./test/frr ./test/frr/gdc -run 'TestCases$$' -update
	$(GO) test ./cmd/frr-renderer -run 'TestExplainReads$$' -update

.PHONY: bench
bench: frr $(if $(REQUIRE_KUBE),kube) ## minutes: the pipeline; a Service written to a file, or to an API server, to the UPDATE at a peer; looking for drift; a small table of reload against frr-reload.py
	$(GO) test -run '^$$' -bench . -benchmem ./internal/...
	$(GO) test -timeout 30m -run '^$$' -bench ServiceToUpdate -benchtime 100x ./test/frr/bench
	$(REQUIRE) $(GO) test -timeout 60m -run '^$$' -bench StatusToUpdate -benchtime 100x ./test/frr/bench
	$(GO) test -timeout 30m -run '^$$' -bench Drift -benchtime 1x ./test/frr/bench
	$(GO) test -timeout 30m -run TestReloadTable -v ./test/frr/bench -table -table-max 1000 -give-up 20s

.PHONY: bench-table
bench-table: frr ## an hour or two: the whole table of reload against frr-reload.py; goes on with what is in TABLE
	@mkdir -p $(dir $(TABLE))
	$(GO) test -timeout 8h -run TestReloadTable -v ./test/frr/bench -table -table-max $(TABLE_MAX) -table-file $(abspath $(TABLE)) -give-up $(GIVE_UP)

# First of all that a demo needs: without it nothing is worth building.
.PHONY: as-root
as-root:
	@[ "$$(id -u)" = 0 ] || { echo "the demo makes network namespaces: run it as root"; exit 1; }

.PHONY: demo
demo: as-root frr-distribution build ## two ToR routers and three nodes in network namespaces, with the OpenShift examples (as root)
	@$(GO) run ./test/frr/demo up $(BIN)/frr-renderer

.PHONY: demo-down
demo-down: ## end the demo
	@$(GO) run ./test/frr/demo down

# "go run" fails after a Ctrl-C, however the program ends.
.PHONY: demo-gdc
demo-gdc: as-root frr-distribution kube build ## example 10 of GDC's documents with a real API server, and a gateway that dies, in a minute (as root; DEMO=-keep stays up)
	@$(GO) build -o $(BIN)/demo-gdc ./test/frr/gdc/demo
	@$(BIN)/demo-gdc $(DEMO) $(BIN)/frr-renderer

.PHONY: clean
clean: ## remove what make build made
	rm -rf $(BIN)
