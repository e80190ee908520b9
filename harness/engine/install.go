package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// needs are the commands that nov30's own daemon cannot do without.
var needs = []string{"dockerd", "containerd", "runc", "iptables", "ip", "docker"}

// enginePackages bring those commands on Debian and Ubuntu, and mmdebstrap, with which node images are built.
var enginePackages = []string{"docker.io", "iptables", "iproute2", "mmdebstrap"}

// Install installs packages of the distribution: on Debian and Ubuntu, as root, unless NOV30_BOOTSTRAP=0. It says
// beforehand what it installs. The error names the command to run where it may not.
func Install(ctx context.Context, progress func(string), packages ...string) error {
	if progress == nil {
		progress = func(string) {}
	}
	return host().install(ctx, progress, packages...)
}

func (m machine) install(ctx context.Context, progress func(string), packages ...string) error {
	if err := m.supported(); err != nil {
		return err
	}
	command := "apt-get install -y --no-install-recommends " + strings.Join(packages, " ")
	if err := m.debian(); err != nil {
		return fmt.Errorf("cannot install %s: %w", strings.Join(packages, " "), err)
	}
	if !m.root() {
		return fmt.Errorf("installing needs root; run: sudo %s", command)
	}
	if m.getenv("NOV30_BOOTSTRAP") == "0" {
		return fmt.Errorf("NOV30_BOOTSTRAP=0 forbids installing; run: %s", command)
	}
	progress(command)
	err := m.apt(ctx, append([]string{"install", "-y", "--no-install-recommends"}, packages...)...)
	if err == nil || ctx.Err() != nil {
		return err
	}
	// The package lists may be missing, or older than the mirror: then, and only then, they are fetched.
	progress("apt-get update")
	if update := m.apt(ctx, "update"); update != nil {
		return errors.Join(err, update)
	}
	progress(command)
	return m.apt(ctx, append([]string{"install", "-y", "--no-install-recommends"}, packages...)...)
}

func (m machine) apt(ctx context.Context, args ...string) error {
	argv := append([]string{"apt-get", "-q", "-o", "DPkg::Lock::Timeout=120"}, args...)
	env := []string{"DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_SUSPEND=1"}
	_, err := m.run(ctx, env, nil, argv...)
	return err
}

// debian says why this is not a distribution whose package names nov30 knows. Source of the format: os-release(5).
func (m machine) debian() error {
	for _, path := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		text, err := m.read(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		id, like, name := osRelease(text)
		for _, known := range append(strings.Fields(like), id) {
			if known == "debian" || known == "ubuntu" {
				return nil
			}
		}
		return fmt.Errorf("nov30 knows the packages of Debian and Ubuntu, not of %q: install what brings the same by hand", name)
	}
	return errors.New("there is no /etc/os-release: install what brings the same by hand")
}

func osRelease(text string) (id, like, name string) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		key, value, ok := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		if !ok {
			continue
		}
		value = strings.Trim(value, `"'`)
		switch key {
		case "ID":
			id = value
		case "ID_LIKE":
			like = value
		case "PRETTY_NAME":
			name = value
		}
	}
	if name == "" {
		name = id
	}
	return id, like, name
}

// missing returns those of the needed commands that are not installed.
func (m machine) missing() []string {
	var none []string
	for _, command := range needs {
		if _, err := m.look(command); err != nil {
			none = append(none, command)
		}
	}
	return none
}
