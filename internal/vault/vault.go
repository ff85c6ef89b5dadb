// Package vault keeps secrets unreadable to others: it encrypts them under a key that lives in a file of the data
// directory, mode 0600. The file is written once, when the data directory is made.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

const keySize = 32

// Vault seals and opens secrets with AES-256-GCM.
type Vault struct{ aead cipher.AEAD }

// Open reads the key in the file, or makes one if there is none.
func Open(path string) (*Vault, error) {
	key, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		key = make([]byte, keySize)
		rand.Read(key)
		if err := create(path, key); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	}
	if len(key) != keySize {
		return nil, fmt.Errorf("%s does not hold a key of %d bytes; without the right key stored secrets cannot be read", path, keySize)
	}
	return New(key)
}

// create writes a file that is either whole or not there.
func create(path string, data []byte) (err error) {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return os.Rename(tmp, path)
}

// New returns a Vault with a key of 32 bytes.
func New(key []byte) (*Vault, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Vault{aead}, nil
}

// Seal encrypts.
func (v *Vault) Seal(plain []byte) []byte { return v.aead.Seal(nil, nil, plain, nil) }

// Open decrypts what Seal returned.
func (v *Vault) Open(sealed []byte) ([]byte, error) {
	plain, err := v.aead.Open(nil, nil, sealed, nil)
	if err != nil {
		return nil, errors.New("a sealed value was not made with this data directory's key")
	}
	return plain, nil
}
