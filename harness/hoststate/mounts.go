package hoststate

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// elsewhere are directories below which engines mount network namespaces and file systems of containers, and the login
// manager a directory for each user who is logged in.
var elsewhere = []string{"/run/docker", "/var/run/docker", "/run/containerd", "/run/containers", "/run/netns", "/run/user"}

func (m Machine) mounts(s *State) error {
	text, err := os.ReadFile(filepath.Join(m.Root, "/proc/self/mountinfo"))
	if err != nil {
		return err
	}
	all, err := parseMounts(string(text))
	if err != nil {
		return fmt.Errorf("mountinfo: %w", err)
	}
	for _, mt := range all {
		if below(mt.point, elsewhere) || below(mt.point, m.EngineDirs) {
			continue
		}
		fact := "mount " + mt.point
		if under, is := s.facts[fact]; is {
			mt.what = under + ", over it " + mt.what
		}
		s.facts[fact] = mt.what
	}
	return nil
}

func below(path string, dirs []string) bool {
	for _, d := range dirs {
		if path == d || strings.HasPrefix(path, strings.TrimSuffix(d, "/")+"/") {
			return true
		}
	}
	return false
}

type mount struct{ point, what string }

// parseMounts reads /proc/PID/mountinfo (proc(5)): id, parent, device, root, mount point, options, optional fields up to a
// hyphen, type, source, the file system's options.
func parseMounts(text string) ([]mount, error) {
	var all []mount
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		own, system := strings.Fields(before), strings.Fields(after)
		if !ok || len(own) < 6 || len(system) < 2 {
			return nil, fmt.Errorf("%.200q is no mount", line)
		}
		root, point := octal(own[3]), octal(own[4])
		all = append(all, mount{point: point, what: fmt.Sprintf("%s of %s (%s), %s", octal(system[0]), octal(system[1]), root, own[5])})
	}
	return all, nil
}

// octal undoes the escapes of blanks, tabs, line ends and backslashes in proc(5)'s tables.
func octal(s string) string {
	var b strings.Builder
	for s != "" {
		if s[0] == '\\' && len(s) >= 4 {
			if c, err := strconv.ParseUint(s[1:4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				s = s[4:]
				continue
			}
		}
		b.WriteByte(s[0])
		s = s[1:]
	}
	return b.String()
}
