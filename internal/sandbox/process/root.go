//go:build linux

package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"trellis/internal/sandbox"
)

// root is what an instance of one function sees as its file system, but for /proc and /tmp.
type root struct {
	// code and layers are directories to be seen at /var/task and /opt; layers may be empty.
	code, layers string
	// prefixes are paths of the interpreter that are seen where they are.
	prefixes []string
	// files are written to the paths given.
	files map[string][]byte
}

// roots builds file systems in a mount namespace of its own, on a kept thread. Nobody else sees the mounts, and they go with
// the thread.
type roots struct {
	*thread
	base string
	n    int
}

// newRoots uses dir, an existing directory, as the place to mount on. Outside nothing changes there.
func newRoots(dir string) (*roots, error) {
	t, err := startThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("functions need a mount namespace, and making one failed: %w", err)
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("making mounts private: %w", err)
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0700,size=1m"); err != nil {
			return fmt.Errorf("mounting on %s: %w", dir, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &roots{thread: t, base: dir}, nil
}

// build mounts a root and returns its path in the namespace.
func (r *roots) build(spec root) (path string, err error) {
	err = r.Do(func() error {
		r.n++
		path = filepath.Join(r.base, strconv.Itoa(r.n))
		if err := os.Mkdir(path, 0o700); err != nil {
			return err
		}
		if err := populate(path, spec); err != nil {
			return errors.Join(err, discard(path))
		}
		return nil
	})
	return path, err
}

// empty makes a directory without anything in it, for roots only.
func (r *roots) empty() (path string, err error) {
	path = filepath.Join(r.base, "empty")
	return path, r.Do(func() error { return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o755)) })
}

// drop unmounts a root. Instances that have it keep it.
func (r *roots) drop(path string) error {
	return r.Do(func() error { return discard(path) })
}

func discard(path string) error {
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("unmounting %s: %w", path, err)
	}
	return os.Remove(path)
}

// clone returns a copy of a root that is mounted nowhere yet, to be read only. The root itself cannot be made so: a process that
// was forked while one of its files was written holds that file until its exec, and the kernel then says that the mount is busy.
func (r *roots) clone(path string) (f *os.File, err error) {
	err = r.Do(func() error {
		fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
		if err != nil {
			return fmt.Errorf("copying mounts: %w", err)
		}
		if err := setAttr(fd, "", unix.AT_EMPTY_PATH, unix.MOUNT_ATTR_RDONLY); err != nil {
			unix.Close(fd)
			return fmt.Errorf("protecting a root: %w", err)
		}
		f = os.NewFile(uintptr(fd), "root")
		return nil
	})
	return f, err
}

// devices are all that an instance has of /dev.
var devices = []string{"null", "zero", "full", "random", "urandom"}

// hostDirs are shown to instances as they are on the host, a link as the same link.
var hostDirs = []string{"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"}

// hostFiles are the parts of /etc that programs need and that hold nothing private.
var hostFiles = []string{"ld.so.cache", "ssl/certs", "ssl/openssl.cnf", "pki/tls", "pki/ca-trust", "ca-certificates", "crypto-policies",
	"alternatives", "mime.types", "protocols", "services"}

var etc = map[string]string{
	"passwd": "root:x:0:0:root:/:/sbin/nologin\nsbx_user1000:x:1000:1000::/tmp:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n",
	"group":  "root:x:0:\nsbx_user1000:x:1000:\nnogroup:x:65534:\n",
	"hosts":  "127.0.0.1 localhost\n::1 localhost\n",
	"nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n" +
		"ethers: files\nrpc: files\n",
}

// resolvConf returns /etc/resolv.conf for a function. Without a resolver a look-up is refused at once by the loopback.
func resolvConf(f *sandbox.Function) []byte {
	server := "127.0.0.1"
	if f.Resolver.IsValid() {
		server = f.Resolver.String()
	}
	search := ""
	if f.Resolver.IsValid() {
		search = "search " + f.Region() + ".compute.internal\n"
		if f.Region() == "us-east-1" {
			search = "search ec2.internal\n"
		}
	}
	return []byte(search + "nameserver " + server + "\noptions timeout:2 attempts:5\n")
}

func populate(path string, spec root) error {
	if err := unix.Mount("tmpfs", path, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=1m"); err != nil {
		return fmt.Errorf("mounting a root: %w", err)
	}
	b := builder{path}
	for _, d := range hostDirs {
		if target, err := os.Readlink("/" + d); err == nil {
			if err := b.link(target, d); err != nil {
				return err
			}
		} else if _, err := os.Stat("/" + d); err == nil {
			if err := b.bind("/"+d, d, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV); err != nil {
				return err
			}
		}
	}
	for _, p := range spec.prefixes {
		if err := b.bind(p, p, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV); err != nil {
			return err
		}
	}
	for _, d := range devices {
		if err := b.bind("/dev/"+d, "dev/"+d, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := b.link(target, "dev/"+name); err != nil {
			return err
		}
	}
	for _, f := range hostFiles {
		if _, err := os.Stat("/etc/" + f); err != nil {
			continue
		}
		if err := b.bind("/etc/"+f, "etc/"+f, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC); err != nil {
			return err
		}
	}
	for name, data := range etc {
		if err := b.file("etc/"+name, []byte(data)); err != nil {
			return err
		}
	}
	for name, data := range spec.files {
		if err := b.file(name, data); err != nil {
			return err
		}
	}
	for _, d := range []string{"proc", "tmp", sandbox.RuntimeDir, sandbox.TaskRoot, sandbox.LayerRoot} {
		if err := b.dir(d); err != nil {
			return err
		}
	}
	if err := b.bind(spec.code, sandbox.TaskRoot, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV); err != nil {
		return err
	}
	if spec.layers != "" {
		return b.bind(spec.layers, sandbox.LayerRoot, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
	}
	return nil
}

// builder makes the parts of a root in an empty directory.
type builder struct{ path string }

// dir makes a directory and those above it, for everyone to read whatever the umask.
func (b builder) dir(name string) error {
	at := b.path
	for part := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		at = filepath.Join(at, part)
		err := os.Mkdir(at, 0o755)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.Chmod(at, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func (b builder) file(name string, data []byte) error {
	if err := b.dir(filepath.Dir(name)); err != nil {
		return err
	}
	at := filepath.Join(b.path, name)
	if err := os.WriteFile(at, data, 0o644); err != nil {
		return err
	}
	return os.Chmod(at, 0o644)
}

func (b builder) link(target, name string) error {
	return os.Symlink(target, filepath.Join(b.path, name))
}

// bind shows a directory or file of the host under name, what is mounted below it included.
func (b builder) bind(from, name string, attr uint64) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if info.IsDir() {
		err = b.dir(name)
	} else if _, there := os.Stat(filepath.Join(b.path, name)); there != nil {
		err = b.file(name, nil)
	}
	if err != nil {
		return err
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, from, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return fmt.Errorf("taking %s: %w", from, err)
	}
	defer unix.Close(fd)
	if err := setAttr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, attr); err != nil {
		return fmt.Errorf("protecting %s: %w", from, err)
	}
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, filepath.Join(b.path, name), unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("mounting %s: %w", from, err)
	}
	return nil
}

func setAttr(fd int, path string, flags uint, attr uint64) error {
	return unix.MountSetattr(fd, path, flags, &unix.MountAttr{Attr_set: attr, Propagation: unix.MS_PRIVATE})
}
