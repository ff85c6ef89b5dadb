package soak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	lattice "github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
	clientv3 "go.etcd.io/etcd/client/v3"

	"trellis/test/cluster"
)

func startCluster(t *testing.T, n int, quota int64) (*cluster.Cluster, []string) {
	t.Helper()
	c, err := cluster.Start(filepath.Join(t.TempDir(), "etcd"), n, quota)
	must(t, err)
	t.Cleanup(func() { must(t, c.Stop()) })
	return c, []string{"--etcd", strings.Join(c.Endpoints, ","), "--etcd-ca", c.CA, "--etcd-cert", c.Cert, "--etcd-key", c.Key}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func serving(t *testing.T, s *server) *server {
	t.Helper()
	must(t, s.start())
	t.Cleanup(func() { s.stop(t) })
	return s
}

// members disturbs by what happens to the cluster, while the server lives on.
type members struct{ n atomic.Int64 }

func (m *members) count() int                 { return int(m.n.Load()) }
func (m *members) kills() int                 { return 0 }
func (m *members) wait(context.Context) error { return nil }

// The landing zone on three members, of which one is killed, one stopped, the leader cut off and another made leader on the way. Requests go through
// it all the while, and none of them is excused.
func TestClusterOfThree(t *testing.T) {
	c, flags := startCluster(t, 3, 0)
	s := serving(t, newServer(t, flags...))
	if st := s.status(t); !st.DataPlane {
		t.Skipf("there is no data plane here: %s", st.Why)
	}
	by := &members{}
	d := newDriver(t, s, by)
	// The first life is over before anything happens, so that a harm is not over before there is a zone to ask.
	d.live(0)
	done := make(chan struct{})
	var failed error
	apart := 0
	go func() {
		defer close(done)
		for _, harm := range []func(context.Context) error{
			func(context.Context) error { return c.Kill(0) }, func(context.Context) error { return c.Restart(0) },
			func(context.Context) error { return c.Freeze(1) }, func(context.Context) error { return c.Thaw(1) },
			func(ctx context.Context) (err error) {
				if apart, err = c.Leader(ctx); err == nil {
					c.Cut(apart)
				}
				return err
			},
			func(context.Context) error { c.Heal(apart); return nil },
			c.MoveLeader, c.Compact,
		} {
			if failed = harm(t.Context()); failed != nil {
				return
			}
			by.n.Add(1)
			// The first round that ends may have begun before.
			for before := d.asked.Load(); d.asked.Load() < before+2; time.Sleep(10 * time.Millisecond) {
				if failed = t.Context().Err(); failed != nil {
					return
				}
			}
		}
	}()
	t.Cleanup(func() { <-done })
	lives := 1
	for over := false; !over; lives++ {
		select {
		case <-done:
			must(t, failed)
			over = true
		default:
		}
		d.live(lives)
	}
	t.Logf("%d lives, %d calls ended in an error and were repeated, %d rounds of requests", lives, d.failed, d.asked.Load())
}

// Two servers share a cluster, which speaks without TLS, and the key that seals secrets.
func TestTwoServers(t *testing.T) {
	c, err := cluster.Plain(filepath.Join(t.TempDir(), "etcd"), 1)
	must(t, err)
	t.Cleanup(func() { must(t, c.Stop()) })
	flags := []string{"--etcd", c.Endpoints[0], "--control-plane-only"}
	first := serving(t, newServer(t, flags...))
	second := newServer(t, flags...)
	key, err := os.ReadFile(filepath.Join(first.data, "key"))
	must(t, err, os.MkdirAll(second.data, 0o700), os.WriteFile(filepath.Join(second.data, "key"), key, 0o600))
	must(t, second.start())
	one := first.account(t, "one")
	other := waitProfile(t, second, one)

	// Both write to one VPC: every range is given once, and each server reads what it wrote.
	v, err := one.ec2.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	must(t, err)
	const each = 20
	results := make(chan error, 2)
	var taken, given atomic.Int64
	for _, a := range []*account{one, other} {
		go func() {
			results <- func() error {
				for i := 0; i < each; {
					made, err := a.ec2.CreateSubnet(t.Context(), &ec2.CreateSubnetInput{VpcId: v.Vpc.VpcId, CidrBlock: aws.String(fmt.Sprintf("10.0.%d.0/24", i))})
					switch {
					case isCode(err, "InvalidSubnet.Conflict"):
						taken.Add(1)
					case isCode(err, "InvalidVpcID.NotFound"):
						time.Sleep(10 * time.Millisecond)
						continue
					case err != nil:
						return err
					default:
						given.Add(1)
						if _, err := a.ec2.DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{SubnetIds: []string{*made.Subnet.SubnetId}}); err != nil {
							return fmt.Errorf("what was written cannot be read: %w", err)
						}
					}
					i++
				}
				return nil
			}()
		}()
	}
	must(t, <-results, <-results)
	if given.Load() != each || taken.Load() != each {
		t.Errorf("%d ranges were given and %d refused, want %d each", given.Load(), taken.Load(), each)
	}
	for name, a := range map[string]*account{"first": one, "second": other} {
		n := 0
		for range 200 {
			got, err := a.ec2.DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{Filters: []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{*v.Vpc.VpcId}}}})
			must(t, err)
			if n = len(got.Subnets); n == each {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n != each {
			t.Errorf("the %s server sees %d subnets, want %d", name, n, each)
		}
	}

	// The word of a server that died holds back what it has not made real, until its lease ends.
	must(t, second.kill())
	svc, err := one.lattice.CreateService(t.Context(), &vpclattice.CreateServiceInput{Name: aws.String("waits")})
	must(t, err)
	began, held := time.Now(), false
	for {
		got, err := one.lattice.GetService(t.Context(), &vpclattice.GetServiceInput{ServiceIdentifier: svc.Id})
		must(t, err)
		if got.Status == lattice.ServiceStatusActive {
			break
		}
		held = true
		if time.Since(began) > time.Minute {
			t.Fatalf("a minute after the other server died the service is %s", got.Status)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if !held {
		t.Error("the service was ACTIVE although a host that was believed to live had not made it real")
	}
	// One that comes back ends what it said before, at once.
	must(t, second.start())
	t.Cleanup(func() { second.stop(t) })
	t.Logf("held back for %v", time.Since(began).Round(time.Millisecond))
}

func waitProfile(t *testing.T, s *server, a *account) *account {
	t.Helper()
	for range 500 {
		text, err := os.ReadFile(filepath.Join(s.data, "aws-config"))
		if err == nil && strings.Contains(string(text), "[profile "+a.name+"]") {
			return s.profile(t, a.id, a.name)
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the second server does not come to know the account")
	return nil
}

// A full etcd refuses changes in words that clients understand, and still answers what there is. Its operator compacts,
// defragments and disarms, and everything goes on: of three members, with all that was refused repeated.
func TestFullQuota(t *testing.T) {
	c, flags := startCluster(t, 3, 4<<20)
	s := serving(t, newServer(t, append(flags, "--control-plane-only")...))
	a := s.account(t, "one")
	v, err := a.ec2.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	must(t, err)
	doomed, err := a.ec2.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.1.0.0/16")})
	must(t, err)
	for range 100 {
		if _, err = c.Client().Put(t.Context(), "other", strings.Repeat("x", 500_000)); err != nil {
			break
		}
	}
	if err == nil {
		t.Fatal("the cluster does not fill")
	}
	subnet := func(t *testing.T) error {
		_, err := a.ec2.CreateSubnet(t.Context(), &ec2.CreateSubnetInput{VpcId: v.Vpc.VpcId, CidrBlock: aws.String("10.0.0.0/24")})
		return err
	}
	remove := func(t *testing.T) error {
		_, err := a.ec2.DeleteVpc(t.Context(), &ec2.DeleteVpcInput{VpcId: doomed.Vpc.VpcId})
		return err
	}
	refused := func(t *testing.T) {
		for what, do := range map[string]func(*testing.T) error{"a creation": subnet, "a deletion": remove} {
			if err := do(t); err == nil || !retriable(err) || !strings.Contains(err.Error(), "no space left") {
				t.Errorf("%s while the database is full: %v, want a refusal that says so and can be repeated", what, err)
			}
		}
		out, err := a.ec2.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{VpcIds: []string{*v.Vpc.VpcId, *doomed.Vpc.VpcId}})
		if err != nil || len(out.Vpcs) != 2 {
			t.Errorf("reading while the database is full: %v", err)
		}
	}
	t.Run("full", refused)
	leader, err := c.Leader(t.Context())
	must(t, err, c.Kill(leader))
	_, err = c.Leader(t.Context())
	must(t, err)
	t.Run("full, and one member is down", refused)
	t.Run("started on it", func(t *testing.T) {
		must(t, s.kill(), s.start())
		refused(t)
	})
	must(t, c.Restart(leader))
	_, err = c.Client().Delete(t.Context(), "other")
	must(t, err, c.MakeSpace(t.Context()), subnet(t), remove(t))
}

// A server that cannot reach its cluster answers what it knows, and when it can again, it knows what happened meanwhile, though the
// history of that is gone.
func TestCompactedMeanwhile(t *testing.T) {
	c, flags := startCluster(t, 3, 0)
	flags = append(flags, "--control-plane-only")
	first := serving(t, newServer(t, flags...))
	a := first.account(t, "one")
	vpc := func(a *account, cidr string) string {
		v, err := a.ec2.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: &cidr})
		must(t, err)
		return *v.Vpc.VpcId
	}
	stays, goes := vpc(a, "10.0.0.0/16"), vpc(a, "10.1.0.0/16")
	for i := range 3 {
		c.Shut(i)
	}
	if out, err := a.ec2.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{VpcIds: []string{stays, goes}}); err != nil || len(out.Vpcs) != 2 {
		t.Errorf("what is known is not answered without the cluster: %v", err)
	}
	began := time.Now()
	if _, err := a.ec2.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.3.0.0/16")}); err == nil || !retriable(err) {
		t.Errorf("a change without the cluster: %v, want an error that can be repeated", err)
	}
	t.Logf("refused after %v", time.Since(began).Round(time.Millisecond))
	// Another hand takes a row away, and the history of it.
	rows, err := c.Client().Get(t.Context(), "trellis/", clientv3.WithPrefix(), clientv3.WithKeysOnly())
	must(t, err)
	taken := 0
	for _, kv := range rows.Kvs {
		if strings.HasSuffix(string(kv.Key), goes) {
			_, err := c.Client().Delete(t.Context(), string(kv.Key))
			must(t, err)
			taken++
		}
	}
	if taken == 0 {
		t.Fatalf("no row of %s is among %d", goes, len(rows.Kvs))
	}
	must(t, c.Compact(t.Context()))
	for i := range 3 {
		c.Heal(i)
	}
	for range 1000 {
		out, err := a.ec2.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{Filters: []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{stays, goes}}}})
		must(t, err)
		if len(out.Vpcs) == 1 && *out.Vpcs[0].VpcId == stays {
			vpc(a, "10.2.0.0/16")
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("the server does not come to know what happened while it was cut off")
}
