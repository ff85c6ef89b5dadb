//go:build linux

package process

import (
	"context"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// Isolated is the Network of functions without a VPC: namespaces that hold a loopback interface and nothing else.
type Isolated struct{}

// Attach makes a namespace. The interface is not looked at: nothing leads out.
func (Isolated) Attach(ctx context.Context, _ string) (Namespace, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t, err := startThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("making a network namespace: %w", err)
		}
		return loopbackUp()
	})
	if err != nil {
		return nil, err
	}
	return isolated{t}, nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	return nil
}

type isolated struct{ *thread }

func (n isolated) Listen(network, address string) (l net.Listener, err error) {
	err = n.Do(func() error {
		l, err = net.Listen(network, address)
		return err
	})
	return l, err
}
