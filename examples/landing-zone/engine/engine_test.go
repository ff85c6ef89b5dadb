package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"landing-zone/engine"
	"landing-zone/resource/aws"
	"landing-zone/resource/ec2"
	"landing-zone/resource/lambda"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// fake is a provider whose resources are a map; it refuses to delete what another resource still names.
type fake struct {
	mu     sync.Mutex
	next   int
	alive  map[string]engine.Existing
	calls  []string
	broken map[string]error
	// partly names resources whose creation fails after it made them.
	partly map[string]bool
	// meet, where set, is how many creations must be under way before any returns.
	meet     int
	underway int
	met      chan struct{}
}

func newFake() *fake {
	return &fake{alive: map[string]engine.Existing{}, broken: map[string]error{}, partly: map[string]bool{}, met: make(chan struct{})}
}

// Read answers a resource of the world as it stands.
func (f *fake) Read(_ context.Context, existing engine.Existing) (inputs, outputs engine.Properties, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, ok := f.alive[existing.ID]
	if !ok || r.Type != existing.Type {
		return nil, nil, engine.ErrGone
	}
	return r.Inputs, r.Outputs, f.record("read " + r.Name)
}

func (f *fake) record(call string) error {
	f.calls = append(f.calls, call)
	return f.broken[call]
}

func (f *fake) Create(ctx context.Context, typ, name string, inputs engine.Properties) (engine.Made, error) {
	if f.meet > 0 {
		f.mu.Lock()
		if f.underway++; f.underway == f.meet {
			close(f.met)
		}
		f.mu.Unlock()
		select {
		case <-f.met:
		case <-time.After(10 * time.Second):
			return engine.Made{}, errors.New("no other creation came")
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.record("create " + name); err != nil {
		return engine.Made{}, err
	}
	f.next++
	id := fmt.Sprintf("%s-%d", name, f.next)
	made := engine.Made{ID: id, Outputs: engine.Properties{"arn": "arn:" + id, "name": name}}
	f.alive[id] = engine.Existing{Type: typ, Name: name, ID: id, Inputs: inputs, Outputs: made.Outputs}
	if f.partly[name] {
		return made, errors.New("not yet there")
	}
	return made, nil
}

func (f *fake) Compare(_ string, old, new engine.Properties) engine.Change {
	if old["cidrBlock"] != new["cidrBlock"] || old["vpcId"] != new["vpcId"] {
		return engine.Replace
	}
	return engine.Update
}

func (f *fake) Update(_ context.Context, old engine.Existing, inputs engine.Properties) (engine.Properties, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return old.Outputs, f.record("update " + old.Name)
}

func (f *fake) Delete(_ context.Context, r engine.Existing) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.record("delete " + r.Name); err != nil {
		return err
	}
	delete(f.alive, r.ID)
	for _, other := range f.alive {
		inputs, err := json.Marshal(other.Inputs)
		if err != nil {
			return err
		}
		if strings.Contains(string(inputs), `"`+r.ID+`"`) {
			return fmt.Errorf("%s still needs %s", other.Name, r.Name)
		}
	}
	return nil
}

func (f *fake) Invoke(_ context.Context, token string, args engine.Properties) (engine.Properties, error) {
	if token != "aws:index/getAvailabilityZones:getAvailabilityZones" || args["state"] != "available" {
		return nil, fmt.Errorf("no data source %s for %v", token, args)
	}
	return engine.Properties{"names": []any{"a", "b"}}, nil
}

// program is what a test deploys: a VPC with subnets in every zone, and a gateway.
type program struct {
	vpcCidr string
	tag     string
	subnets []string
	gateway bool
	archive string
}

func (p program) run(ctx *pulumi.Context) error {
	zones, err := aws.GetAvailabilityZones(ctx, "available")
	if err != nil {
		return err
	}
	vpc, err := ec2.NewVpc(ctx, "vpc", ec2.VpcArgs{
		CidrBlock: pulumi.String(p.vpcCidr),
		Tags:      pulumi.StringMap{"Tag": pulumi.String(p.tag)},
	})
	if err != nil {
		return err
	}
	for i, name := range p.subnets {
		if _, err := ec2.NewSubnet(ctx, name, ec2.SubnetArgs{
			VpcId:            vpc.ID(),
			CidrBlock:        pulumi.String(name),
			AvailabilityZone: pulumi.String(zones.Names[i]),
		}, pulumi.Parent(vpc)); err != nil {
			return err
		}
	}
	if p.gateway {
		if _, err := ec2.NewInternetGateway(ctx, "gateway", ec2.InternetGatewayArgs{}, pulumi.DependsOn([]pulumi.Resource{vpc})); err != nil {
			return err
		}
	}
	if p.archive != "" {
		if _, err := lambda.NewLayerVersion(ctx, "layer", lambda.LayerVersionArgs{
			Code: pulumi.NewFileArchive(p.archive), LayerName: pulumi.String("layer"),
		}); err != nil {
			return err
		}
	}
	ctx.Export("vpc", vpc.Arn)
	return nil
}

func stack(t *testing.T, f *fake, p program, events *[]string) engine.Stack {
	return engine.Stack{
		Project:   "project",
		Name:      "test",
		Root:      t.TempDir(),
		Config:    map[string]string{},
		Program:   engine.Go(p.run),
		Providers: map[string]engine.Provider{"aws": f},
		StateFile: filepath.Join(t.TempDir(), "state.json"),
		Progress: func(e engine.Event) {
			if events != nil {
				*events = append(*events, string(e.Op)+" "+e.Name)
			}
		},
	}
}

func up(t *testing.T, s engine.Stack) engine.Properties {
	t.Helper()
	exports, err := s.Up(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return exports
}

func before(t *testing.T, calls []string, first, second string) {
	t.Helper()
	i, j := slices.Index(calls, first), slices.Index(calls, second)
	if i < 0 || j < 0 || i > j {
		t.Errorf("%q does not come before %q in %q", first, second, calls)
	}
}

func TestUpThenUpThenDestroy(t *testing.T) {
	f := newFake()
	var events []string
	s := stack(t, f, program{vpcCidr: "10.0.0.0/16", subnets: []string{"one", "two"}, gateway: true}, &events)
	if diff := cmp.Diff(engine.Properties{"vpc": "arn:vpc-1"}, up(t, s)); diff != "" {
		t.Errorf("exports (-want +got):\n%s", diff)
	}
	for _, child := range []string{"one", "two", "gateway"} {
		before(t, f.calls, "create vpc", "create "+child)
	}
	if info, err := os.Stat(s.StateFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("state file: %v, %v; want mode 0600", info.Mode(), err)
	}

	f.calls, events = nil, nil
	if diff := cmp.Diff(engine.Properties{"vpc": "arn:vpc-1"}, up(t, s)); diff != "" {
		t.Errorf("exports of the second up (-want +got):\n%s", diff)
	}
	slices.Sort(events)
	if len(f.calls) != 0 || !slices.Equal(events, []string{"same gateway", "same one", "same two", "same vpc"}) {
		t.Errorf("a second up called %q and reported %q", f.calls, events)
	}

	if err := s.Destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, child := range []string{"one", "two", "gateway"} {
		before(t, f.calls, "delete "+child, "delete vpc")
	}
	if len(f.alive) != 0 {
		t.Errorf("left after destroy: %v", f.alive)
	}
	if err := s.Destroy(t.Context()); err != nil {
		t.Errorf("a second destroy: %v", err)
	}
}

func TestRefresh(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*fake, engine.Existing)
		read   string
		then   []string
	}{
		{"nothing", func(*fake, engine.Existing) {}, "read", nil},
		{"an input", func(f *fake, vpc engine.Existing) {
			vpc.Inputs = engine.Properties{"cidrBlock": "10.0.0.0/16", "tags": engine.Properties{"Tag": "other"}}
			f.alive[vpc.ID] = vpc
		}, "differs", []string{"update vpc"}},
		{"an input more", func(f *fake, vpc engine.Existing) {
			vpc.Inputs = engine.Properties{"cidrBlock": "10.0.0.0/16", "tags": vpc.Inputs["tags"], "instanceTenancy": "dedicated"}
			f.alive[vpc.ID] = vpc
		}, "differs", []string{"update vpc"}},
		{"an input less", func(f *fake, vpc engine.Existing) {
			vpc.Inputs = engine.Properties{"cidrBlock": "10.0.0.0/16"}
			f.alive[vpc.ID] = vpc
		}, "differs", []string{"update vpc"}},
		{"an output", func(f *fake, vpc engine.Existing) {
			vpc.Outputs = engine.Properties{"arn": "arn:other", "name": "vpc"}
			f.alive[vpc.ID] = vpc
		}, "differs", nil},
		{"it is gone", func(f *fake, vpc engine.Existing) { delete(f.alive, vpc.ID) }, "gone", []string{"create vpc"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			var events []string
			s := stack(t, f, program{vpcCidr: "10.0.0.0/16", tag: "one", archive: "."}, &events)
			up(t, s)
			c.change(f, f.alive[f.id("vpc")])
			f.calls, events = nil, nil
			if err := s.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			slices.Sort(events)
			want := []string{c.read + " vpc", "read layer"}
			slices.Sort(want)
			if !slices.Equal(events, want) {
				t.Errorf("reported %q, want %q", events, want)
			}
			f.calls = nil
			up(t, s)
			if !slices.Equal(f.calls, c.then) {
				t.Errorf("the next up called %q, want %q", f.calls, c.then)
			}
		})
	}
	f := newFake()
	s := stack(t, f, program{vpcCidr: "10.0.0.0/16"}, nil)
	up(t, s)
	f.broken["read vpc"] = errors.New("not today")
	if err := s.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "read aws:ec2/vpc:Vpc vpc: not today") {
		t.Errorf("error %v does not name the resource and its cause", err)
	}
}

// id is that of the resource with the name.
func (f *fake) id(name string) string {
	for id, r := range f.alive {
		if r.Name == name {
			return id
		}
	}
	return ""
}

func TestStateHoldsParentsAndDependencies(t *testing.T) {
	s := stack(t, newFake(), program{vpcCidr: "10.0.0.0/16", subnets: []string{"one"}, gateway: true}, nil)
	up(t, s)
	data, err := os.ReadFile(s.StateFile)
	if err != nil {
		t.Fatal(err)
	}
	type held struct {
		Parent, Provider string
		Dependencies     []string
	}
	var got struct{ Resources map[string]held }
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	const (
		first = "urn:pulumi:test::project::"
		root  = first + "pulumi:pulumi:Stack::project-test"
		vpc   = first + "aws:ec2/vpc:Vpc::vpc"
	)
	want := map[string]held{
		vpc: {root, "aws", nil},
		first + "aws:ec2/vpc:Vpc$aws:ec2/subnet:Subnet::one":       {vpc, "aws", []string{vpc}},
		first + "aws:ec2/internetGateway:InternetGateway::gateway": {root, "aws", []string{vpc}},
	}
	if diff := cmp.Diff(want, got.Resources); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestIndependentResourcesAreMadeAtOnce(t *testing.T) {
	f := newFake()
	s := stack(t, f, program{vpcCidr: "10.0.0.0/16"}, nil)
	s.Program = engine.Go(func(ctx *pulumi.Context) error {
		for _, name := range []string{"one", "two", "three"} {
			if _, err := ec2.NewVpc(ctx, name, ec2.VpcArgs{}); err != nil {
				return err
			}
		}
		return nil
	})
	f.meet = 3
	up(t, s)
}

func TestUpGoesOnAfterAFailure(t *testing.T) {
	f := newFake()
	s := stack(t, f, program{vpcCidr: "10.0.0.0/16", subnets: []string{"one", "two"}}, nil)
	f.broken["create two"] = errors.New("too many subnets")
	_, err := s.Up(t.Context())
	if err == nil || !strings.Contains(err.Error(), "create aws:ec2/subnet:Subnet two: too many subnets") {
		t.Fatalf("error %v does not name the resource and its cause", err)
	}
	delete(f.broken, "create two")
	f.calls = nil
	up(t, s)
	if !slices.Equal(f.calls, []string{"create two"}) {
		t.Errorf("the second up called %q", f.calls)
	}
}

func TestWhatIsHalfMadeIsMadeAnew(t *testing.T) {
	f := newFake()
	s := stack(t, f, program{vpcCidr: "10.0.0.0/16", subnets: []string{"one"}}, nil)
	f.partly["one"] = true
	if _, err := s.Up(t.Context()); err == nil {
		t.Fatal("no error")
	}
	f.partly["one"] = false
	f.calls = nil
	up(t, s)
	if !slices.Equal(f.calls, []string{"delete one", "create one"}) {
		t.Errorf("the second up called %q", f.calls)
	}
	if len(f.alive) != 2 {
		t.Errorf("alive: %v", f.alive)
	}
}

func TestWordOfARunThatWasKilledWhileCreating(t *testing.T) {
	f := newFake()
	s := stack(t, f, program{vpcCidr: "10.0.0.0/16"}, nil)
	var left []byte
	s.Providers = map[string]engine.Provider{"aws": watcher{f, func() {
		var err error
		if left, err = os.ReadFile(s.StateFile); err != nil {
			t.Error(err)
		}
	}}}
	up(t, s)
	if err := os.WriteFile(s.StateFile, left, 0o600); err != nil {
		t.Fatal(err)
	}
	var messages []string
	s.Log = func(m string) { messages = append(messages, m) }
	s.Providers = map[string]engine.Provider{"aws": f}
	f.calls = nil
	up(t, s)
	if !slices.Equal(f.calls, []string{"create vpc"}) || len(messages) != 1 || !strings.Contains(messages[0], "aws:ec2/vpc:Vpc vpc") {
		t.Errorf("called %q, said %q", f.calls, messages)
	}
}

// watcher looks at the world in the moment before something is created.
type watcher struct {
	engine.Provider
	look func()
}

func (w watcher) Create(ctx context.Context, typ, name string, inputs engine.Properties) (engine.Made, error) {
	w.look()
	return w.Provider.Create(ctx, typ, name, inputs)
}

func TestChangedInputs(t *testing.T) {
	original := program{vpcCidr: "10.0.0.0/16", tag: "old", subnets: []string{"one", "two"}, gateway: true}
	for _, c := range []struct {
		name   string
		change func(*program)
		calls  []string
	}{
		{"in place", func(p *program) { p.tag = "new" }, []string{"update vpc"}},
		{"one more", func(p *program) { p.gateway = true; p.archive = "." }, []string{"create layer"}},
		{"one less", func(p *program) { p.subnets = p.subnets[:1] }, []string{"delete two"}},
		{"anew, with what depends on it", func(p *program) { p.vpcCidr = "10.1.0.0/16" }, []string{
			"create gateway", "create one", "create two", "create vpc", "delete gateway", "delete one", "delete two", "delete vpc"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			s := stack(t, f, original, nil)
			up(t, s)
			f.calls = nil
			p := original
			c.change(&p)
			s.Program = engine.Go(p.run)
			up(t, s)
			for _, child := range []string{"one", "two", "gateway"} {
				if slices.Contains(c.calls, "create "+child) {
					before(t, f.calls, "delete "+child, "delete vpc")
					before(t, f.calls, "delete vpc", "create vpc")
					before(t, f.calls, "create vpc", "create "+child)
				}
			}
			slices.Sort(f.calls)
			if !slices.Equal(f.calls, c.calls) {
				t.Errorf("called %q, want %q", f.calls, c.calls)
			}
		})
	}
}

func TestDestroyAfterHalfADestroy(t *testing.T) {
	f := newFake()
	s := stack(t, f, program{vpcCidr: "10.0.0.0/16", subnets: []string{"one", "two"}, gateway: true}, nil)
	up(t, s)
	f.broken["delete two"] = errors.New("in use")
	err := s.Destroy(t.Context())
	if err == nil || !strings.Contains(err.Error(), "delete aws:ec2/subnet:Subnet two: in use") {
		t.Fatalf("error %v does not name the resource and its cause", err)
	}
	if slices.Contains(f.calls, "delete vpc") {
		t.Error("the VPC was deleted before its subnet")
	}
	delete(f.broken, "delete two")
	f.calls = nil
	if err := s.Destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.calls, []string{"delete two", "delete vpc"}) {
		t.Errorf("the second destroy called %q", f.calls)
	}
}

func TestArchivesAreComparedByContent(t *testing.T) {
	f := newFake()
	s := stack(t, f, program{vpcCidr: "10.0.0.0/16", archive: "code"}, nil)
	write := func(content string) {
		if err := os.MkdirAll(filepath.Join(s.Root, "code"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.Root, "code", "file"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	up(t, s)
	for _, live := range f.alive {
		if archive, ok := live.Inputs["code"].(*engine.Archive); live.Name == "layer" && (!ok || len(archive.Zip) == 0) {
			t.Errorf("the provider was handed %T", live.Inputs["code"])
		}
	}
	f.calls = nil
	up(t, s)
	write("two")
	up(t, s)
	if !slices.Equal(f.calls, []string{"update layer"}) {
		t.Errorf("called %q", f.calls)
	}
}

func TestWhatIsNotSupportedIsRefused(t *testing.T) {
	for option, opt := range map[string]pulumi.ResourceOption{
		"protect":        pulumi.Protect(true),
		"ignoreChanges":  pulumi.IgnoreChanges([]string{"tags"}),
		"retainOnDelete": pulumi.RetainOnDelete(true),
	} {
		f := newFake()
		s := stack(t, f, program{}, nil)
		s.Program = engine.Go(func(ctx *pulumi.Context) error {
			_, err := ec2.NewVpc(ctx, "vpc", ec2.VpcArgs{}, opt)
			return err
		})
		if _, err := s.Up(t.Context()); err == nil || !strings.Contains(err.Error(), option) || len(f.calls) != 0 {
			t.Errorf("%s: error %v, calls %q", option, err, f.calls)
		}
	}
}

func TestOneRunAtATime(t *testing.T) {
	f := newFake()
	s := stack(t, f, program{vpcCidr: "10.0.0.0/16"}, nil)
	var inner error
	s.Providers = map[string]engine.Provider{"aws": watcher{f, func() { inner = s.Destroy(t.Context()) }}}
	up(t, s)
	if inner == nil || !strings.Contains(inner.Error(), "in use by another run") {
		t.Errorf("a destroy during an up: %v", inner)
	}
}

func TestDamagedStateIsRefused(t *testing.T) {
	s := stack(t, newFake(), program{}, nil)
	if err := os.WriteFile(s.StateFile, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Up(t.Context()); err == nil || !strings.Contains(err.Error(), s.StateFile) {
		t.Errorf("error %v does not name the file", err)
	}
}
