package nodestate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Golden is what makes a new node a member of a cluster without kubeadm: files, and on the control plane the API's objects.
// It holds keys.
type Golden struct {
	API     string         `json:"api,omitempty"`    // address and port of the API server, for a start
	Images  []string       `json:"images,omitempty"` // of pods that the node is going to run, for a start
	Files   []GoldenFile   `json:"files"`
	Objects []GoldenObject `json:"objects,omitempty"`
}

// GoldenFile is a file, a directory or a link of a node, with its content.
type GoldenFile struct {
	Path    string `json:"path"`
	Kind    string `json:"kind"` // file, directory or link
	Mode    uint32 `json:"mode"`
	UID     uint32 `json:"uid"`
	GID     uint32 `json:"gid"`
	Link    string `json:"link,omitempty"`
	Content []byte `json:"content,omitempty"`
}

// GoldenObject is an object of the API as etcd has it.
type GoldenObject struct {
	Key   string `json:"key"`
	Value []byte `json:"value"`
}

// goldenDirs are the directories in which kubeadm and the cluster's network leave something.
var goldenDirs = []string{"/etc/kubernetes", "/var/lib/kubelet", "/etc/cni/net.d", "/etc/nov30"}

// ownOfKubelet is what kubelet makes for itself as it starts, its serving certificate too.
var ownOfKubelet = []string{"/var/lib/kubelet/pods", "/var/lib/kubelet/plugins", "/var/lib/kubelet/plugins_registry",
	"/var/lib/kubelet/pod-resources", "/var/lib/kubelet/device-plugins", "/var/lib/kubelet/checkpoints",
	"/var/lib/kubelet/pki/kubelet.crt", "/var/lib/kubelet/pki/kubelet.key"}

// TakeGolden takes what a golden start needs of this node, in which nothing is broken; etcd is asked for one instant.
func (n Node) TakeGolden(ctx context.Context) (Golden, error) {
	var g Golden
	for _, dir := range goldenDirs {
		if err := n.takeGolden(&g, dir); err != nil {
			return g, err
		}
	}
	_, err := os.Stat(filepath.Join(n.Root, etcdManifest))
	if errors.Is(err, fs.ErrNotExist) {
		return g, nil
	}
	if err == nil {
		g.Objects, err = n.readEtcd(ctx)
	}
	return g, err
}

func (n Node) takeGolden(g *Golden, top string) error {
	return filepath.WalkDir(filepath.Join(n.Root, top), func(path string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		name := "/" + strings.TrimPrefix(strings.TrimPrefix(path, n.Root), "/")
		f, err := look(n.Root, name)
		switch {
		case err != nil:
			return err
		case below(name, ownOfKubelet), strings.HasSuffix(name, "_state"), f.Kind == "", f.Kind == special:
			if f.Kind == directory {
				return fs.SkipDir
			}
			return nil
		}
		one := GoldenFile{Path: name, Kind: f.Kind, Mode: f.Mode, UID: f.UID, GID: f.GID, Link: f.Link}
		if f.Kind == regular {
			one.Content, err = os.ReadFile(path)
		}
		g.Files = append(g.Files, one)
		return err
	})
}

// check makes sure that every path is one below the directories that a golden start may write to.
func (g Golden) check() error {
	for _, f := range g.Files {
		known := slices.Contains([]string{regular, directory, link}, f.Kind)
		if filepath.Clean(f.Path) != f.Path || !below(f.Path, goldenDirs) || !known {
			return fmt.Errorf("%w: the path %q (%s)", ErrState, f.Path, f.Kind)
		}
	}
	if len(g.Files) == 0 {
		return fmt.Errorf("%w: not one file", ErrState)
	}
	return nil
}

// putGolden puts files in place, directories before what is in them.
func (n Node) putGolden(files []GoldenFile) error {
	files = slices.SortedFunc(slices.Values(files), func(a, b GoldenFile) int { return cmp.Compare(a.Path, b.Path) })
	p := putter{root: n.Root, contents: map[string][]byte{}, report: &Report{}, have: map[string]file{}}
	now := n.Clock.Now().UnixNano()
	for _, f := range files {
		is, err := look(n.Root, f.Path)
		if err == nil {
			p.have[f.Path] = is
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		p.contents[f.Path] = f.Content
		if err := p.put(file{Path: f.Path, Kind: f.Kind, Mode: f.Mode, UID: f.UID, GID: f.GID, Size: int64(len(f.Content)),
			Mtime: now, Link: f.Link, Kept: true}); err != nil {
			return err
		}
	}
	return nil
}
