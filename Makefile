# Two commands matter: make demo shows the landing zone, make test runs the tests.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
ZONE    := examples/landing-zone
# Stops what hangs; a run of everything takes a few minutes.
TEST    := $(GO) test -timeout 10m

.PHONY: build demo test race lint fuzz generate bench clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/trellis ./cmd/trellis

demo: build
	$(MAKE) -C $(ZONE) build
	$(ZONE)/build/demo -trellis bin/trellis

test: build
	$(TEST) ./...
	cd $(ZONE) && $(TEST) ./...

race:
	$(TEST) -race ./internal/... ./cmd/...

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	cd $(ZONE) && $(GO) vet ./...

clean:
	rm -rf bin $(ZONE)/build
