package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"trellis/internal/store"
	"trellis/internal/store/etcd"
)

// database is the process that writes to etcd as Trellis does, and does nothing else.
func database(ctx context.Context, dir string) (err error) {
	s, err := etcd.Embed(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	say, hear := json.NewEncoder(os.Stdout), json.NewDecoder(os.Stdin)
	if err := say.Encode(struct{}{}); err != nil {
		return err
	}
	for {
		var p puts
		if err := hear.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		done, err := p.run(ctx, s)
		if err != nil {
			return err
		}
		if err := say.Encode(done); err != nil {
			return err
		}
	}
}

// run commits for a time, each client its own key.
func (p puts) run(ctx context.Context, s store.Store) (putsDone, error) {
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	begin := time.Now()
	var running sync.WaitGroup
	for i := range p.Clients {
		running.Go(func() {
			var own []time.Duration
			var err error
			value := bytes.Repeat([]byte{'x'}, 300)
			for time.Since(begin) < p.Time && err == nil {
				at := time.Now()
				_, err = s.Commit(ctx, nil, []store.Write{{Key: fmt.Sprintf("bench|%d", i), Value: value}})
				own = append(own, time.Since(at))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, own...)
			failed = errors.Join(failed, err)
		})
	}
	running.Wait()
	elapsed := time.Since(begin)
	slices.Sort(took)
	return putsDone{Rate: float64(len(took)) / elapsed.Seconds(), P99: took[len(took)*99/100]}, failed
}
