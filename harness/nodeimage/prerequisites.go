package nodeimage

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/nov30/nov30/harness/engine"
)

// debianKeyring is the file of the package debian-archive-keyring by which mmdebstrap verifies what it downloads. Debian
// itself has it; Ubuntu has it not.
const debianKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// prerequisites makes sure of what a root file system is built with: what is missing is installed where nov30 may do so.
func (b Builder) prerequisites(ctx context.Context) error {
	missing := b.missing()
	if len(missing) == 0 {
		return nil
	}
	names := strings.Join(missing, " ")
	b.say("a root file system is built with %s: not installed", names)
	install := b.Install
	if install == nil {
		install = engine.Install
	}
	if err := install(ctx, func(line string) { b.say("%s", line) }, missing...); err != nil {
		return fmt.Errorf("a root file system is built with %s: %w", names, err)
	}
	if left := b.missing(); len(left) > 0 {
		return fmt.Errorf("still not there after installing %s: what %s bring", names, strings.Join(left, " "))
	}
	return nil
}

// missing returns the packages of Debian and Ubuntu that are needed and not installed.
func (b Builder) missing() []string {
	var packages []string
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		packages = append(packages, "mmdebstrap")
	}
	keyring := b.keyring
	if keyring == "" {
		keyring = debianKeyring
	}
	if _, err := os.Stat(keyring); err != nil {
		packages = append(packages, "debian-archive-keyring")
	}
	if _, err := exec.LookPath("newuidmap"); err != nil && os.Geteuid() != 0 { // without root in a user namespace
		packages = append(packages, "uidmap")
	}
	return packages
}
