package main

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"landing-zone/engine"
)

// anything is a provider of every type.
type anything struct {
	mu    sync.Mutex
	alive map[string]string
	calls int
}

func (p *anything) Create(_ context.Context, typ, name string, inputs engine.Properties) (engine.Made, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	id := fmt.Sprintf("%s-%d", name, p.calls)
	p.alive[id] = typ
	return engine.Made{ID: id, Outputs: engine.Properties{
		"arn": "arn:" + id, "name": inputs["name"], "dnsEntry": engine.Properties{"domainName": id + ".example"},
	}}, nil
}

func (p *anything) Read(context.Context, engine.Existing) (inputs, outputs engine.Properties, err error) {
	return nil, nil, errors.New("nothing is imported")
}

func (p *anything) Compare(string, engine.Properties, engine.Properties) engine.Change {
	return engine.Replace
}

func (p *anything) Update(context.Context, engine.Existing, engine.Properties) (engine.Properties, error) {
	return nil, errors.New("nothing changes")
}

func (p *anything) Delete(_ context.Context, r engine.Existing) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	if p.alive[r.ID] != r.Type {
		return fmt.Errorf("%s %s is not alive", r.Type, r.ID)
	}
	delete(p.alive, r.ID)
	return nil
}

func (p *anything) Invoke(_ context.Context, token string, _ engine.Properties) (engine.Properties, error) {
	switch token {
	case "aws:index/getCallerIdentity:getCallerIdentity":
		return engine.Properties{"accountId": "333333333333"}, nil
	case "aws:index/getAvailabilityZones:getAvailabilityZones":
		return engine.Properties{"names": []any{"a", "b", "c"}}, nil
	case "aws:iam/getPolicy:getPolicy":
		return engine.Properties{"arn": "arn:policy"}, nil
	}
	return nil, fmt.Errorf("no data source %s", token)
}

func TestStacksGoUpAndDown(t *testing.T) {
	project := t.TempDir()
	for _, name := range []string{"directory_app.zip", "directory_app_layer.zip", "client_app.zip"} {
		if err := os.MkdirAll(filepath.Join(project, "build"), 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(filepath.Join(project, "build", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(zip.NewWriter(f).Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	settings := map[string]map[string]string{
		"common-service": {"blue-principal": "111111111111", "green-principal": "222222222222"},
		"blue-service":   {"lattice-network-arn": "arn:blue", "shared-service-fqdn": "name.example"},
		"green-service":  {"lattice-network-arn": "arn:green", "shared-service-fqdn": "name.example"},
	}
	// So many resources the article's stacks have.
	resources := map[string]int{"common-service": 71, "blue-service": 22, "green-service": 22}
	for _, s := range goDeployments() {
		t.Run(s.project, func(t *testing.T) {
			p := &anything{alive: map[string]string{}}
			config := map[string]string{"aws:region": "eu-west-1"}
			for key, value := range settings[s.project] {
				config[s.project+":"+key] = value
			}
			stack := engine.Stack{
				Project: s.project, Name: "test", Root: filepath.Join(project, s.directory), Config: config, Program: s.program,
				Providers: map[string]engine.Provider{"aws": p, "aws-native": p}, StateFile: filepath.Join(t.TempDir(), "state"),
			}
			exports, err := stack.Up(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(p.alive) != resources[s.project] {
				t.Errorf("%d resources, want %d", len(p.alive), resources[s.project])
			}
			if s.project == "common-service" && len(exports) != 3 {
				t.Errorf("exports %v", exports)
			}
			p.calls = 0
			if _, err := stack.Up(t.Context()); err != nil || p.calls != 0 {
				t.Errorf("a second up made %d calls, %v", p.calls, err)
			}
			if err := stack.Destroy(t.Context()); err != nil || len(p.alive) != 0 {
				t.Errorf("after destroy %v, %v", p.alive, err)
			}
		})
	}
}
