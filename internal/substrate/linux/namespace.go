package linux

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"

	"github.com/google/nftables"
	mdnetlink "github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"trellis/internal/substrate"
)

// Namespace is a network namespace. It is held by a descriptor alone: when the process
// ends, however it ends, the namespace does.
type Namespace struct {
	name    string
	workers *workers
	watch   *watch
	fd      *os.File
	rt      *netlink.Handle
	nft     *nftables.Conn
	// batch is how many nftables messages one transaction can have: each is
	// acknowledged into the socket's buffer before any acknowledgement is read.
	batch int

	use    sync.RWMutex // held, shared, by whoever works inside, and alone by who closes it
	closed bool         // guarded by use

	ears []int // guarded by the watch

	mu      sync.Mutex // guards started
	started []*exec.Cmd
}

// socketBuffer is what a netlink socket asks for; without privilege on the host it gets less.
const socketBuffer = 8 << 20

// newNamespace makes a namespace of the kind, with loopback up and nothing else.
func (h *Host) newNamespace(name string, kind substrate.NamespaceKind) (*Namespace, error) {
	n, writes := &Namespace{name: name, workers: h.workers, watch: h.watch}, &h.writes
	err := n.workers.do(nil, func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		writes.Add(1)
		var err error
		if n.fd, err = os.Open("/proc/thread-self/ns/net"); err != nil {
			return err
		}
		if err := writeSettings(kind, writes); err != nil {
			return err
		}
		if n.rt, err = netlink.NewHandle(unix.NETLINK_ROUTE, unix.NETLINK_NETFILTER); err != nil {
			return fmt.Errorf("open a netlink socket: %w", err)
		}
		// Without privilege on the host the sockets keep the size they have.
		_ = n.rt.SetSocketReceiveBufferSize(socketBuffer, true)
		if kind == substrate.KindInterface {
			return nil
		}
		n.nft, err = nftables.New(nftables.AsLasting(), nftables.WithSockOptions(n.sizeSocket))
		if err != nil {
			return fmt.Errorf("open an nftables socket: %w", err)
		}
		return nil
	})
	if err == nil {
		err = n.up("lo", writes)
	}
	if err == nil {
		err = n.Do(func() error { return n.watch.add(n) })
	}
	if err != nil {
		n.close()
		return nil, fmt.Errorf("namespace %s: %w", name, err)
	}
	return n, nil
}

// ackSize is about what the kernel charges a socket for one acknowledgement.
const ackSize = 1280

func (n *Namespace) sizeSocket(c *mdnetlink.Conn) error {
	_ = c.SetReadBuffer(socketBuffer)
	_ = c.SetWriteBuffer(socketBuffer)
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	size := 0
	if cerr := raw.Control(func(fd uintptr) {
		size, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
	}); cerr != nil {
		return cerr
	}
	n.batch = max(size/ackSize, 16)
	return err
}

func (n *Namespace) up(link string, writes *atomic.Int64) error {
	l, err := n.rt.LinkByName(link)
	if err != nil {
		return fmt.Errorf("find link %s: %w", link, err)
	}
	writes.Add(1)
	if err := n.rt.LinkSetUp(l); err != nil {
		return fmt.Errorf("bring up %s: %w", link, err)
	}
	return nil
}

// Name is the id of the VPC or interface the namespace belongs to.
func (n *Namespace) Name() string { return n.name }

// Do runs f on a thread that is in the namespace. What f makes there - sockets,
// processes - belongs to the namespace. f must be quick, and must not call Do.
func (n *Namespace) Do(f func() error) error {
	n.use.RLock()
	defer n.use.RUnlock()
	if n.closed {
		return errClosed
	}
	return n.workers.do(n.fd, f)
}

// close ends the processes that were started in the namespace, and lets go of it; it
// is gone when the last socket and process in it are.
func (n *Namespace) close() {
	n.use.Lock()
	defer n.use.Unlock()
	if n.closed {
		return
	}
	n.closed = true
	for _, cmd := range n.started {
		// One that has ended needs no signal.
		_ = cmd.Process.Signal(cmd.SysProcAttr.Pdeathsig)
	}
	n.watch.remove(n)
	if n.rt != nil {
		n.rt.Close()
	}
	if n.nft != nil {
		// Nothing more is wanted of it.
		_ = n.nft.CloseLasting()
	}
	if n.fd != nil {
		_ = n.fd.Close()
	}
}
