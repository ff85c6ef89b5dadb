package main

import (
	"context"
	"os/exec"
	"strings"
)

func (b *bench) follows(ctx context.Context) error   { return nil }
func (b *bench) scales(ctx context.Context) error    { return nil }
func (b *bench) functions(ctx context.Context) error { return nil }
func (b *bench) version(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, b.trellis, "version").Output()
	return strings.TrimSpace(string(out)), err
}
