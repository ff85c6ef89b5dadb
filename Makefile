# Two commands matter: make demo shows the landing zone, make test runs the tests.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
ZONE    := examples/landing-zone
# Stops what hangs; a run of everything takes a few minutes.
TEST    := $(GO) test -timeout 10m

.PHONY: build zone demo test race lint generate clean bench soak fuzz

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/trellis ./cmd/trellis

demo: build zone
	cd $(ZONE) && build/demo -project . -trellis ../../bin/trellis

# The example's functions, the demo itself, and look, which asks what the demo asks of a zone that other tools brought up.
zone:
	cd $(ZONE) && $(GO) run ./functions/bundle && CGO_ENABLED=0 $(GO) build -trimpath -o build/ ./demo ./demo/look

test: build zone
	$(TEST) ./...
	cd $(ZONE) && $(TEST) ./...

# Measures on an idle machine, some twenty minutes; what it compares with it fetches. FLAGS='-quick -run proxy' is a look at a part,
# which docs/performance.md does not show unless -o names it.
FLAGS ?= -o docs/performance.md
bench: build zone
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/bench ./bench
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/bench-function ./bench/function
	bin/bench $(FLAGS)

# The whole of what every run of the tests does a sample of: a server killed a thousand times, an etcd cluster that fails, every
# identifier asked for at every place of every operation, every command of every README.
soak: build
	$(GO) test -timeout 3h -v ./test/soak -points 1000 -trellis ../../bin/trellis
	TRELLIS_EVERYTHING=1 $(GO) test -timeout 3h -v -run 'TestWalls|TestBrokenInputs|TestEveryOperation' ./cmd/trellis
	TRELLIS_EVERYTHING=1 $(GO) test -timeout 3h -v -run TestREADMEs ./test
	$(MAKE) fuzz FUZZTIME=2m

# Runs each fuzz target for FUZZTIME. What was found that takes the code where no seed does joins the seeds in testdata/fuzz, to be
# committed; GROW= leaves them as they are.
FUZZTIME ?= 30s
GROW     ?= -grow
fuzz:
	$(GO) run ./test/fuzz -for $(FUZZTIME) $(GROW)

race:
	$(TEST) -race ./internal/... ./cmd/...

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	cd $(ZONE) && $(GO) vet ./...

clean:
	rm -rf bin $(ZONE)/build

# The wire types follow the published API models, which come with botocore.
BOTOCORE := 1.44.5
generate:
	rm -rf build/botocore && python3 -m pip download -q --no-deps --no-binary :none: -d build/botocore botocore==$(BOTOCORE)
	cd build/botocore && python3 -m zipfile -e *.whl .
	$(GO) run ./internal/aws/model/generate -data build/botocore/botocore/data
	gofmt -l internal/aws/model
