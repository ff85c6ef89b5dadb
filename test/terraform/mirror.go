package terraform

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// registries are where the programs say that providers come from.
var registries = map[string]string{"terraform": "registry.terraform.io", "tofu": "registry.opentofu.org"}

// ErrNoProvider says where the provider would have to be.
var ErrNoProvider = errors.New("there is no provider aws in TF_PLUGIN_DIR, where Terraform looks for plugins, or in /opt/*")

// provider is the directory of a provider aws for this machine, or empty: where TF_PLUGIN_DIR says, where Terraform looks by itself,
// or in a mirror among the add-on software of /opt.
func provider() string {
	home, _ := os.UserHomeDir()
	for _, mirror := range []string{
		os.Getenv("TF_PLUGIN_DIR"), filepath.Join(home, ".terraform.d", "plugins"), filepath.Join(home, ".local", "share", "terraform", "plugins"),
		"/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins", "/opt/*",
	} {
		if mirror == "" {
			continue
		}
		found, _ := filepath.Glob(filepath.Join(mirror, "registry.*", "hashicorp", "aws", "*", runtime.GOOS+"_"+runtime.GOARCH, "terraform-provider-aws*"))
		if len(found) > 0 {
			return filepath.Dir(slices.Max(found))
		}
	}
	return ""
}

// Mirror writes into a directory of the caller's what makes terraform or tofu take the provider aws of this machine. It answers the
// environment that says so and the provider's version, or ErrNoProvider.
func Mirror(dir, program string) (env []string, version string, err error) {
	binaries := provider()
	if binaries == "" {
		return nil, "", ErrNoProvider
	}
	version = filepath.Base(filepath.Dir(binaries))
	place := filepath.Join(dir, "plugins", registries[program], "hashicorp", "aws", version)
	settings := filepath.Join(dir, "rc")
	err = errors.Join(
		os.MkdirAll(place, 0o755),
		os.Symlink(binaries, filepath.Join(place, filepath.Base(binaries))),
		os.WriteFile(settings, fmt.Appendf(nil, "provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", filepath.Join(dir, "plugins")), 0o600),
	)
	return []string{"TF_CLI_CONFIG_FILE=" + settings, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1"}, version, err
}
