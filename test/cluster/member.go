package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
)

// argument, as first argument, makes a test binary a member.
const argument = "trellis-etcd-member"

// settings are what a member is started with. Client and Peer are the URLs by which it is reached; where it listens is its own
// choice, which it tells.
type settings struct {
	Name, Dir, Client, Peer, Initial string
	CA, Cert, Key                    string
	Quota                            int64
}

// Member turns the process into a member if it was started as one. TestMain calls it first.
func Member() {
	if len(os.Args) != 3 || os.Args[1] != argument {
		return
	}
	if err := serve(os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "etcd:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(text string) error {
	var s settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	client, err := url.Parse(s.Client)
	if err != nil {
		return err
	}
	peer, err := url.Parse(s.Peer)
	if err != nil {
		return err
	}
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir, cfg.InitialCluster = s.Name, s.Dir, s.Initial
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{{Scheme: client.Scheme, Host: "127.0.0.1:0"}}, []url.URL{*client}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{{Scheme: "https", Host: "127.0.0.1:0"}}, []url.URL{*peer}
	tls := transport.TLSInfo{CertFile: s.Cert, KeyFile: s.Key, TrustedCAFile: s.CA, ClientCertAuth: true}
	cfg.PeerTLSInfo = tls
	if client.Scheme == "https" {
		cfg.ClientTLSInfo = tls
	}
	cfg.QuotaBackendBytes = s.Quota
	cfg.LogLevel, cfg.LogOutputs = "error", []string{"stderr"}
	// The tests ask what happens when a member dies, not what happens when a disk loses what it took.
	cfg.UnsafeNoFsync = true
	server, err := embed.StartEtcd(cfg)
	if err != nil {
		return err
	}
	defer server.Close()
	fmt.Println(server.Clients[0].Addr(), server.Peers[0].Addr())
	select {
	case <-server.Server.ReadyNotify():
	case err := <-server.Err():
		return err
	case <-time.After(time.Minute):
		return errors.New("not ready within a minute")
	}
	fmt.Println("ready")
	// Its input ends with the test.
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
