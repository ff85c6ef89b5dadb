package linux

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"trellis/internal/substrate"
)

// shared is a VPC whose first interface has guests, with Lattice and a peer.
func shared() substrate.Config {
	cfg := peered()
	cfg.VPCs[0].Lattice = substrate.LatticeAssociated
	cfg.VPCs[0].Interfaces[0].Guests = true
	return cfg
}

func TestPrivilegedGuests(t *testing.T) {
	h := newHost(t)
	cfg := shared()
	apply(t, h, cfg)
	start := time.Now()
	first, err := h.AddGuest("eni-1")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("guest added in %v", time.Since(start))
	second, err := h.AddGuest("eni-1")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, namespace(t, h, "eni-blue"), "10.1.1.10:80", "blue")
	serve(t, namespace(t, h, "vpc-a"), "169.254.171.1:80", "lattice")
	serve(t, first.Namespace, first.Address().String()+":80", "guest")
	serve(t, namespace(t, h, "eni-1"), "10.0.1.10:80", "interface")
	for _, g := range []*Guest{first, second} {
		// Others see the interface.
		for to, want := range map[string]string{"10.1.1.10:80": "blue 10.0.1.10", "169.254.171.1:80": "lattice 10.0.1.10"} {
			if got := ask(g.Namespace, "", to, 10*time.Second); got != want {
				t.Errorf("guest %s to %s: got %q, want %q", g.Address(), to, got, want)
			}
		}
	}
	resolver, err := namespace(t, h, "vpc-a").ListenPacket("udp", netip.MustParseAddrPort("10.0.0.2:53"))
	if err != nil {
		t.Fatal(err)
	}
	defer resolver.Close()
	question, err := first.Dial(t.Context(), "udp", netip.AddrPort{}, netip.MustParseAddrPort("10.0.0.2:53"))
	if err != nil {
		t.Fatal(err)
	}
	defer question.Close()
	for _, c := range []interface{ SetDeadline(time.Time) error }{resolver, question} {
		c.SetDeadline(time.Now().Add(10 * time.Second))
	}
	b := make([]byte, 10)
	question.Write([]byte("name?"))
	if _, asker, err := resolver.ReadFrom(b); err != nil || asker.(*net.UDPAddr).IP.String() != "10.0.1.10" {
		t.Errorf("the resolver was asked by %v, %v", asker, err)
	} else {
		resolver.WriteTo([]byte("address"), asker)
	}
	if n, err := question.Read(b); err != nil || string(b[:n]) != "address" {
		t.Errorf("the resolver's answer is %q, %v", b[:n], err)
	}
	// Guests see neither each other nor the interface, and nobody comes in.
	for _, to := range []string{first.Address().String() + ":80", "10.0.1.10:80"} {
		if got := ask(second.Namespace, "", to, silence); got != "timeout" {
			t.Errorf("guest to %s: %q", to, got)
		}
	}
	wantAnswer(t, h, "eni-blue", "10.0.1.10:80", "timeout")

	if err := first.Remove(); err != nil {
		t.Fatal(err)
	}
	if got := ask(second.Namespace, "", "10.1.1.10:80", 10*time.Second); got != "blue 10.0.1.10" {
		t.Errorf("second guest after the first has gone: %q", got)
	}
	if _, err := h.AddGuest("eni-2"); err == nil {
		t.Error("an interface without guests took one")
	}
	if _, err := h.AddGuest("eni-none"); err == nil {
		t.Error("no interface took a guest")
	}
	// The interface goes, and its guests with it.
	cfg.VPCs[0].Interfaces = cfg.VPCs[0].Interfaces[1:]
	apply(t, h, cfg)
	if err := second.Do(func() error { return nil }); err == nil {
		t.Error("a guest outlived its interface")
	}
	if err := second.Remove(); err != nil {
		t.Errorf("removing a guest that went with its interface: %v", err)
	}
}

// Guests come and go while the network around them changes.
func TestPrivilegedGuestsDuringApply(t *testing.T) {
	h := newHost(t)
	apply(t, h, shared())
	serve(t, namespace(t, h, "eni-blue"), "10.1.1.10:80", "blue")
	var wg sync.WaitGroup
	for range 3 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 5 {
				g, err := h.AddGuest("eni-1")
				if err != nil {
					t.Error(err)
					return
				}
				if got := ask(g.Namespace, "", "10.1.1.10:80", 10*time.Second); got != "blue 10.0.1.10" {
					t.Errorf("guest: %q", got)
				}
				if err := g.Remove(); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	for i := range 10 {
		cfg := shared()
		if i%2 == 0 {
			cfg.VPCs = cfg.VPCs[:3] // without other
		}
		apply(t, h, cfg)
	}
	wg.Wait()
	if n := resync(t, h); n != 0 {
		t.Errorf("resync wrote %d times", n)
	}
}

// Interfaces go while guests of theirs are made and removed; the host's own network
// is not what gives way.
func TestPrivilegedGuestsOfVanishingInterface(t *testing.T) {
	h := newHost(t)
	for range 5 {
		apply(t, h, shared())
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					g, err := h.AddGuest("eni-1")
					if err != nil {
						return
					}
					if err := g.Remove(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		apply(t, h, substrate.Config{})
		wg.Wait()
	}
}

// With a public address on either side, two VPCs meet at the internet; without one
// they do not.
func TestPrivilegedInternet(t *testing.T) {
	h := newHost(t)
	cfg := peered()
	igw := []substrate.Route{{Destination: netip.MustParsePrefix("0.0.0.0/0"), Via: substrate.ViaInternet}}
	cfg.VPCs[0].Interfaces[1].Public = netip.MustParseAddr("203.0.113.5")
	other := cfg.VPCs[3]
	other.InternetGateway, other.Subnets[0].Routes = "igw-other", igw
	other.Interfaces[0].Public = netip.MustParseAddr("203.0.113.6")
	apply(t, h, cfg)
	serve(t, namespace(t, h, "eni-2"), "10.0.2.10:80", "public")
	wantAnswer(t, h, "eni-other", "203.0.113.5:80", "public 203.0.113.6")
	wantAnswer(t, h, "eni-other", "203.0.113.9:80", "timeout")
	wantAnswer(t, h, "eni-other", "10.1.1.10:80", "timeout")
	wantAnswer(t, h, "eni-blue", "10.0.2.10:80", "timeout") // the answer would leave by the gateway
	other.Interfaces[0].Public = netip.Addr{}
	apply(t, h, cfg)
	wantAnswer(t, h, "eni-other", "203.0.113.5:80", "timeout")
	other.Interfaces[0].Public = netip.MustParseAddr("203.0.113.6")
	other.Subnets[0].Routes = nil
	apply(t, h, cfg)
	wantAnswer(t, h, "eni-other", "203.0.113.5:80", "timeout")
}
