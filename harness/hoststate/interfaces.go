package hoststate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// engineBridge are the bridges that docker and podman make, and that of nov30's own engine; engineLink is one end of a
// container's link.
var (
	engineBridge = regexp.MustCompile(`^(br-[0-9a-f]{12}|docker[0-9]+|docker_gwbridge|podman[0-9]+|cni-podman[0-9]+|nov30-[0-9a-f]{6})$`)
	engineLink   = regexp.MustCompile(`^veth[0-9a-z]+$`)
)

func engineInterface(name string) bool {
	return engineBridge.MatchString(name) || engineLink.MatchString(name)
}

// interfaces notes the machine's own interfaces with their hardware addresses, and the engine's with the bridge each is, or
// is on: a link without a bridge belongs to a network that is gone.
func (m Machine) interfaces(s *State) error {
	dir := filepath.Join(m.Root, "/sys/class/net")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		fact := "interface " + name
		switch {
		case engineBridge.MatchString(name):
			s.engine[fact] = name
		case engineLink.MatchString(name):
			master, err := os.Readlink(filepath.Join(dir, name, "master"))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			s.engine[fact] = strings.TrimPrefix(filepath.Base(master), ".")
		default:
			address, err := os.ReadFile(filepath.Join(dir, name, "address"))
			if err != nil && !errors.Is(err, fs.ErrNotExist) && e.IsDir() {
				return err
			}
			s.facts[fact] = strings.TrimSpace(string(address))
		}
	}
	return nil
}

// routes notes the routes that do not lead to the engine's interfaces, those that lead nowhere among them.
func (m Machine) routes(s *State) error {
	text, err := os.ReadFile(filepath.Join(m.Root, "/proc/net/route"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a kernel without IPv4
	}
	if err != nil {
		return err
	}
	all, err := parseRoutes(string(text))
	if err != nil {
		return fmt.Errorf("routes: %w", err)
	}
	for _, r := range all {
		s.facts["route "+r] = "present"
	}
	return nil
}

// parseRoutes reads /proc/net/route: a line of titles, then interface, destination, gateway, flags, counters, metric, mask.
func parseRoutes(text string) ([]string, error) {
	var all []string
	for i, line := range strings.Split(text, "\n") {
		f := strings.Fields(line)
		if i == 0 || len(f) == 0 {
			continue
		}
		if len(f) < 8 {
			return nil, fmt.Errorf("%.200q is no route", line)
		}
		if !engineInterface(f[0]) {
			all = append(all, fmt.Sprintf("%s/%s by %s on %s, flags %s, metric %s", f[1], f[7], f[2], f[0], f[3], f[6]))
		}
	}
	return all, nil
}
