package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"trellis/bench/process"
	"trellis/bench/report"
)

// zones measures the landing zone's demo.
func (b *bench) zones(ctx context.Context) error {
	rounds, _ := b.runs()
	rounds = min(rounds, 3)
	up, down, err := b.demo(ctx, b.trellis, rounds)
	if err != nil {
		return err
	}
	b.add(report.Figure{Group: "Landing zone", Name: "up", Unit: report.Seconds, Ours: report.Sample{Subject: trellis, Values: up}, Aim: &report.Aim{Value: 5},
		Limit: "resources are made in the order of what they need, each by calls of AWS clients that read it back as Pulumi does; clients and server share both cores."})
	b.add(report.Figure{Group: "Landing zone", Name: "down", Unit: report.Seconds, Ours: report.Sample{Subject: trellis, Values: down}, Aim: &report.Aim{Value: 3},
		Limit: "as up, backwards, and the deletions that AWS makes in two phases."})
	return nil
}

// demo runs the landing zone so many times with a program as the server.
func (b *bench) demo(ctx context.Context, program string, times int) (up, down []float64, err error) {
	last := regexp.MustCompile(`(?m)^demo: (\d+) of (\d+) as expected, up ([\d.]+)s, down ([\d.]+)s$`)
	for range times {
		var out bytes.Buffer
		p, err := b.start(process.Program{Path: filepath.Join(b.zone, "build/demo"), Dir: b.zone, Core: process.Any, Tell: true,
			Args: []string{"-project", ".", "-trellis", program}, Log: filepath.Join(b.dir, "demo.log")})
		if err != nil {
			return nil, nil, err
		}
		limited, cancel := context.WithTimeout(ctx, 5*time.Minute)
		_, err = out.ReadFrom(p.Out)
		err = errors.Join(err, p.Wait(limited))
		cancel()
		found := last.FindStringSubmatch(out.String())
		if found == nil || found[1] != found[2] {
			return nil, nil, errors.Join(errors.New("the demo did not go as expected"), err, errors.New(tail(out.String())))
		}
		if err != nil {
			// Whether something is left behind is the demo's own test; what it took is measured.
			b.say("  %s", tail(out.String()))
		}
		for i, values := range []*[]float64{&up, &down} {
			v, err := strconv.ParseFloat(found[3+i], 64)
			if err != nil {
				return nil, nil, err
			}
			*values = append(*values, v)
		}
	}
	return up, down, nil
}

func tail(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// loaded makes a program that is the server, but begins with what another one has stored.
func (b *bench) loaded(data string) (string, error) {
	file := filepath.Join(b.dir, "trellis-loaded")
	text := `#!/bin/sh
# A server whose data directory is new starts with a copy of what was stored before.
if [ "$1" = serve ]; then
	data=
	for word do
		[ "$data" = next ] && data=$word && break
		[ "$word" = --data ] && data=next
	done
	[ -d "$data" ] || cp -a '` + data + `' "$data" || exit 1
fi
exec '` + b.trellis + `' "$@"
`
	if strings.ContainsAny(data+b.trellis, "'") {
		return "", errors.New("a path has a quotation mark in it")
	}
	return file, os.WriteFile(file, []byte(text), 0o755)
}
