package admin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"trellis/internal/fault"
	"trellis/internal/identity"
	"trellis/internal/state"
)

// Profiles writes the AWS config file with one profile for each account.
type Profiles struct {
	path, endpoint, region string
	mu                     sync.Mutex
}

// NewProfiles returns the writer of the file at path.
func NewProfiles(path, endpoint, region string) *Profiles {
	return &Profiles{path: path, endpoint: endpoint, region: region}
}

// Path returns where the file is.
func (p *Profiles) Path() string { return p.path }

// Write makes the file anew: whole or not at all, readable by its owner alone. An account whose root user has no access
// key, as those made by Organizations, gets a profile that assumes the role its management account may assume.
func (p *Profiles) Write(s *state.Snapshot) (err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	b.WriteString("# Written by trellis serve, which overwrites it. Use it with AWS_CONFIG_FILE.\n")
	for a := range state.Accounts.All(s) {
		if a.Closed {
			continue
		}
		fmt.Fprintf(&b, "\n[profile %s]\nregion = %s\noutput = json\nendpoint_url = %s\n", profileName(s, a), p.region, p.endpoint)
		if key, ok := rootKey(s, a.ID); ok {
			fmt.Fprintf(&b, "aws_access_key_id = %s\naws_secret_access_key = %s\n", key.ID, key.Secret)
			continue
		}
		if org, ok := state.Organizations.Get(s, a.Organization); ok {
			if manager, ok := state.Accounts.Get(s, org.Management); ok && manager.ID != a.ID {
				fmt.Fprintf(&b, "role_arn = arn:aws:iam::%s:role/OrganizationAccountAccessRole\nsource_profile = %s\n", a.ID, profileName(s, manager))
			}
		}
	}
	// What a process that was killed left here is taken away, and nobody else's link is written through.
	unfinished := filepath.Join(filepath.Dir(p.path), "."+filepath.Base(p.path)+".new")
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.WriteString(b.String())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), p.path)
}

func rootKey(s *state.Snapshot, account string) (*identity.AccessKey, bool) {
	for k := range state.AccessKeys.By(s, state.ByIdentity, account+"/") {
		if k.Active {
			return k, true
		}
	}
	return nil, false
}

// profileName is the account's name, with its id where another account has the name too or the name has other
// characters than a profile may have.
func profileName(s *state.Snapshot, a *identity.Account) string {
	if CheckName(a.Name) != nil {
		return a.ID
	}
	for other := range state.Accounts.All(s) {
		if other.Name == a.Name && other.ID != a.ID && (other.Created.Before(a.Created) || other.Created.Equal(a.Created) && other.ID < a.ID) {
			return a.Name + "-" + a.ID
		}
	}
	return a.Name
}

// CheckName says whether a name can be both an account's and a profile's.
func CheckName(name string) error {
	if name == "" || len(name) > 50 {
		return fault.New(fault.Invalid, "", "An account's name must have between 1 and 50 characters.")
	}
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-_.", c) {
			return fault.New(fault.Invalid, "", "An account's name may have letters, digits, '-', '_' and '.': it names a profile too.")
		}
	}
	return nil
}
