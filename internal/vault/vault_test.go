package vault

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestSealAndOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	v, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", info.Mode(), err)
	}
	secret := []byte("a secret")
	sealed := v.Seal(secret)
	if bytes.Contains(sealed, secret) {
		t.Error("the secret can be read")
	}
	again, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := again.Open(sealed); err != nil || !bytes.Equal(plain, secret) {
		t.Errorf("opened as %q, %v", plain, err)
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := again.Open(sealed); err == nil {
		t.Error("a changed secret was opened")
	}
	if _, err := again.Open(nil); err == nil {
		t.Error("nothing was opened")
	}
}

func TestDamagedKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil {
		t.Error("a short key was taken")
	}
}
