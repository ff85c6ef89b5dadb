package blob

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// isShape reports whether err says that a path is a file where a directory was wanted, or the other way round.
func isShape(err error) bool {
	return errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR) || errors.Is(err, syscall.ENOTEMPTY) ||
		errors.Is(err, syscall.ELOOP)
}

// merge fills the empty directory dir with links to the files of all trees. Where two have the same path the later one wins;
// only directories are united.
func merge(ctx context.Context, trees []string, dir string) error {
	dst, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer dst.Close()
	for _, tree := range trees {
		err := filepath.WalkDir(tree, func(from string, d fs.DirEntry, err error) error {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil || from == tree {
				return err
			}
			name, err := filepath.Rel(tree, from)
			if err != nil {
				return err
			}
			there, err := dst.Lstat(name)
			if err == nil && !(d.IsDir() && there.IsDir()) {
				err = dst.RemoveAll(name)
				there = nil
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			switch {
			case d.IsDir():
				if there != nil {
					return nil
				}
				return dst.Mkdir(name, 0o755)
			case d.Type()&fs.ModeSymlink != 0:
				target, err := os.Readlink(from)
				if err != nil {
					return err
				}
				return dst.Symlink(target, name)
			}
			// Every directory on the way to name is one that this walk made or kept, never a link.
			return os.Link(from, filepath.Join(dir, name))
		})
		if err != nil {
			return err
		}
	}
	c, err := count(ctx, dir)
	if err != nil {
		return err
	}
	if c.Bytes > MaxUnzipped {
		return refuse("its layers are larger than %d bytes together", MaxUnzipped)
	}
	return nil
}

func count(ctx context.Context, dir string) (Contents, error) {
	var c Contents
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || d.IsDir() {
			return err
		}
		c.Files++
		if d.Type().IsRegular() {
			info, err := d.Info()
			if err != nil {
				return err
			}
			c.Bytes += info.Size()
		}
		return nil
	})
	return c, err
}
