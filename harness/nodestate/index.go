package nodestate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// The kinds of files. Sockets are left out: who listens makes them.
const (
	regular   = "file"
	directory = "directory"
	link      = "link"
	special   = "special"
)

// file is one file of the node as it was when it was kept.
type file struct {
	Path  string `json:"path"`
	Kind  string `json:"kind"`
	Mode  uint32 `json:"mode"` // with set-user-ID and the like
	UID   uint32 `json:"uid"`
	GID   uint32 `json:"gid"`
	Size  int64  `json:"size,omitempty"`
	Mtime int64  `json:"mtime,omitempty"` // ns; what a file was written at
	Ctime int64  `json:"ctime,omitempty"` // ns; nothing in the node can set it, so no change goes unseen
	Link  string `json:"link,omitempty"`
	Kept  bool   `json:"kept,omitempty"` // its content is kept; otherwise it is the image's
}

// kept are the directories whose files are kept even if they are the image's: they are small, and what changes in a node
// changes here.
var kept = []string{"/etc", "/root", "/kind", "/home", "/srv", "/var/lib/kubelet", "/var/lib/etcd", "/var/spool", "/run/systemd"}

// keptMax is the size in bytes above which a file of the image is not kept.
const keptMax = 4 << 20

// skipped is not looked at: other systems' trees; what belongs to pods, which are made again; logs; this program's own.
var skipped = []string{"/proc", "/sys", "/dev", "/run", "/var/lib/containerd", "/var/lib/kubelet/pods", "/var/lib/cni", "/var/lib/nov30",
	"/run/containerd", "/run/systemd", "/run/dbus", "/run/netns", "/run/credentials", "/run/cni-ipam-state", "/run/log", "/run/mount", "/run/udev", "/run/xtables.lock",
	"/var/log/pods", "/var/log/containers", "/var/log/journal", "/var/lib/kubelet/device-plugins", "/var/lib/kubelet/pod-resources"}

// runtimeUnits are units that somebody made for this boot only.
var runtimeUnits = []string{"/run/systemd/system", "/run/systemd/system.control", "/run/systemd/transient"}

// further are looked at although they are skipped, or below a directory that is: what somebody may have left for this boot.
var further = append([]string{"/run", "/run/lock", "/dev/shm"}, runtimeUnits...)

// index lists every file of the node, in the order of their paths.
func (n Node) index() ([]file, error) {
	mounts, err := n.mountPoints()
	if err != nil {
		return nil, err
	}
	since, err := n.started()
	if err != nil {
		return nil, err
	}
	w := walker{root: n.Root, since: since, mounts: map[string]bool{}}
	for _, m := range mounts {
		w.mounts[m] = m != "/" && m != "/var" && m != "/tmp"
	}
	for _, top := range append([]string{"/"}, further...) {
		if err := w.directory(top); err != nil && !(top != "/" && errors.Is(err, fs.ErrNotExist)) {
			return nil, err
		}
	}
	slices.SortFunc(w.files, func(a, b file) int { return strings.Compare(a.Path, b.Path) })
	once := slices.CompactFunc(w.files, func(a, b file) bool { return a.Path == b.Path }) // one of further below another
	return slices.DeleteFunc(once, func(f file) bool { return slices.Contains(further, f.Path) }), nil
}

// podLimits are the files in which systemd notes the limits of a pod's control group.
var podLimits = regexp.MustCompile(`^/run/systemd/(system\.control|transient)/(kubelet-)?kubepods[-.]`)

// withoutPods is an index without what belongs to a pod: the pod of that name will be another one.
func withoutPods(files []file) []file {
	return slices.DeleteFunc(files, func(f file) bool { return podLimits.MatchString(f.Path) })
}

type walker struct {
	root   string
	since  int64           // ns; a file that was changed later is not the image's
	mounts map[string]bool // mount points of something else
	files  []file
}

func (w *walker) directory(path string) error {
	entries, err := os.ReadDir(filepath.Join(w.root, path))
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		if slices.Contains(skipped, name) {
			continue
		}
		f, err := look(w.root, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a file that somebody just removed
		}
		if err != nil {
			return err
		}
		switch {
		case f.Kind == directory && w.mounts[name], f.Kind == "":
			continue
		case strings.HasSuffix(name, ".tmp") && strings.HasPrefix(name, "/var/lib/etcd/"):
			continue // space that etcd sets aside for its next log
		}
		f.Kept = f.Ctime >= w.since || f.Size <= keptMax && below(name, kept)
		w.files = append(w.files, f)
		if f.Kind == directory {
			if err := w.directory(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

func below(name string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool { return name == d || strings.HasPrefix(name, d+"/") })
}

// look is what one file is; Kind is empty for a socket.
func look(root, name string) (file, error) {
	path := filepath.Join(root, name)
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return file{}, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	f := file{Path: name, Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, Ctime: st.Ctim.Nano()}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		f.Kind, f.Size, f.Mtime = regular, st.Size, st.Mtim.Nano()
	case unix.S_IFDIR:
		f.Kind = directory
	case unix.S_IFLNK:
		target, err := os.Readlink(path)
		if err != nil {
			return file{}, err
		}
		f.Kind, f.Link, f.Mode = link, target, 0
	case unix.S_IFSOCK:
	default:
		f.Kind, f.Link = special, fmt.Sprintf("%o %d", st.Mode&unix.S_IFMT, st.Rdev)
	}
	return f, nil
}
