package hoststate

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// files notes the files and directories that nov30 never writes: name resolution, the user's Kubernetes configuration
// with kubectl's cache, and the places that a command meant for a node would change if it ran here.
func (m Machine) files(s *State) error {
	var errs []error
	for _, path := range []string{"/etc/resolv.conf", "/etc/hosts", "/etc/hostname", "/etc/nsswitch.conf", "/etc/localtime",
		"/etc/kubernetes", "/var/lib/kubelet/config.yaml", "/etc/cni", filepath.Join(m.Home, ".kube")} {
		errs = append(errs, m.tree(s, path))
	}
	return errors.Join(errs...)
}

// tree notes a file, or a directory with everything in it, or that there is none. A link counts, and what it leads to.
func (m Machine) tree(s *State, top string) error {
	root := filepath.Join(m.Root, top)
	if err := m.file(s, "file "+top, root); err != nil {
		return err
	}
	target, err := filepath.EvalSymlinks(root)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil // noted
	}
	if err != nil {
		return err
	}
	return filepath.WalkDir(target, func(path string, _ fs.DirEntry, err error) error {
		name, _ := filepath.Rel(target, path)
		fact := "file " + filepath.Join(top, name)
		switch {
		case errors.Is(err, fs.ErrPermission):
			s.Unmeasured = append(s.Unmeasured, fact)
			return nil
		case errors.Is(err, fs.ErrNotExist): // removed since its directory was read
			return nil
		case err != nil:
			return err
		}
		if path == root {
			return nil // noted
		}
		if path == target { // the link itself is noted under its own name
			fact += ", what it leads to"
		}
		return m.file(s, fact, path)
	})
}

// file notes one file.
func (m Machine) file(s *State, fact, path string) error {
	text, err := fingerprint(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		text = "absent"
	case errors.Is(err, fs.ErrPermission):
		s.Unmeasured = append(s.Unmeasured, fact)
		return nil
	case err != nil:
		return err
	}
	s.facts[fact] = text
	return nil
}

// fingerprint is a file's kind, mode, owner and content, the latter as a sum: it may hold keys.
func fingerprint(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	text := info.Mode().String()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		text += fmt.Sprintf(" %d:%d", st.Uid, st.Gid)
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		return text + " -> " + target, err
	case !info.Mode().IsRegular():
		return text, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s sha256 %x", text, sum.Sum(nil)), nil
}
