package soak

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
)

// Calls that are under way when the server is killed end in success or in an error that SDKs try again after, and repeated with
// their tokens they make one thing: of ten callers at once.
func TestCallsUnderWay(t *testing.T) {
	s := serving(t, newServer(t, "--control-plane-only"))
	a := s.account(t, "callers")
	ready := make(chan struct{})
	close(ready)
	var answered, cut atomic.Int64
	k := &killer{t: t, server: s, ready: ready, answered: &answered}
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.run(min(*points, 20))
	}()
	create := func(ctx context.Context, name string) (string, error) {
		for {
			out, err := a.lattice.CreateService(ctx, &vpclattice.CreateServiceInput{Name: &name, ClientToken: aws.String("token-of-" + name)})
			switch {
			case err == nil:
				answered.Add(1)
				return *out.Id, nil
			case !retriable(err):
				return "", fmt.Errorf("creating %s: %w", name, err)
			}
			cut.Add(1)
			if err := k.wait(ctx); err != nil {
				return "", err
			}
		}
	}
	var mu sync.Mutex
	made := map[string]string{}
	caller := func(ctx context.Context, who int) error {
		for i := 0; ; i++ {
			name := fmt.Sprintf("service-%d-%d", who, i%100) // an account has 2,000 at most
			id, err := create(ctx, name)
			if err != nil {
				return err
			}
			again, err := create(ctx, name)
			if err != nil {
				return err
			}
			if again != id {
				return fmt.Errorf("%s is %s, and %s when the call is repeated", name, id, again)
			}
			mu.Lock()
			made[id] = name
			mu.Unlock()
			select {
			case <-done:
				return nil
			default:
			}
		}
	}
	results := make(chan error)
	for who := range 10 {
		go func() { results <- caller(t.Context(), who) }()
	}
	for range 10 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	<-done
	if k.err != nil {
		t.Fatal(k.err)
	}
	there := 0
	pages := vpclattice.NewListServicesPaginator(a.lattice, &vpclattice.ListServicesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		for _, svc := range page.Items {
			there++
			if made[*svc.Id] != *svc.Name {
				t.Errorf("%s %s is there, and nobody was told of it", *svc.Name, *svc.Id)
			}
		}
	}
	if there != len(made) || cut.Load() == 0 {
		t.Errorf("%d services are there, %d were made; %d calls were cut off", there, len(made), cut.Load())
	}
	t.Logf("%d kills, %d services, %d calls ended in an error and were repeated", k.killed, there, cut.Load())
}
