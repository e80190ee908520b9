package kill

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal/journaltest"
	"github.com/nov30/nov30/harness/pki/pkitest"
)

// owner gives owners that differ from this process's, where it may give files away.
func owner(n int) (uid, gid int) {
	if os.Geteuid() != 0 {
		return os.Getuid(), os.Getgid()
	}
	return 1000 + n, 2000 + n
}

// prepared is a file of the healthy cluster.
type prepared struct {
	role    cluster.Role
	path    string
	content []byte
	mode    fs.FileMode
	owner   int // 0: this process's
}

// healthy are the files of a healthy cluster, of many modes and owners.
func healthy(t testing.TB) []prepared {
	now := clockwork.NewRealClock().Now()
	ca := pkitest.CA(t, pkitest.ECDSA(t), now.AddDate(-2, 0, 0), now.AddDate(8, 0, 0))
	files := []prepared{
		{cluster.ControlPlane, etcdPKI + "ca.crt", ca.CertPEM, 0o644, 0},
		{cluster.ControlPlane, etcdPKI + "ca.key", ca.KeyPEM, 0o600, 0},
		{cluster.ControlPlane, "/etc/kubernetes/manifests/etcd.yaml", []byte("kind: Pod\n"), 0o600, 0},
		{cluster.Worker, kubeletEnv, []byte("\x00 no newline \xff"), 0o640, 3},
	}
	for i, name := range []string{"server", "peer", "healthcheck-client"} {
		leaf := pkitest.Leaf(t, ca, pkitest.ECDSA(t), "etcd-"+name, now.Add(-time.Hour), now.AddDate(1, 0, 0))
		files = append(files,
			prepared{cluster.ControlPlane, etcdPKI + name + ".crt", leaf.CertPEM, []fs.FileMode{0o644, 0o600, 0o444}[i], i},
			prepared{cluster.ControlPlane, etcdPKI + name + ".key", leaf.KeyPEM, 0o600, 0})
	}
	return files
}

// ground is a healthy cluster before a run, and what it was like.
type ground struct {
	home
	c      *journaltest.Processes
	before map[string]string // by path on the host
}

// newGround makes the cluster in dir and starts its nodes.
func newGround(t testing.TB, dir string, files []prepared) (*ground, error) {
	g := &ground{home: home(dir)}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	if g.c, err = journaltest.Create(g.cluster(), cluster.ControlPlane, cluster.Worker); err != nil {
		return nil, err
	}
	for _, f := range files {
		for _, m := range g.c.Machines() {
			if m.Role() == f.role {
				m.Put(f.path, f.content, f.mode)
				if uid, gid := owner(f.owner); f.owner > 0 {
					err = os.Chown(m.Host(f.path), uid, gid)
				}
			}
			if err != nil {
				return nil, err
			}
		}
	}
	for _, m := range g.c.Machines() {
		if err := g.c.StartNode(t.Context(), m.Name()); err != nil {
			return nil, err
		}
	}
	g.before, err = g.snapshot(false)
	return g, err
}

// snapshot describes everything that lies in the nodes but what lives in /proc; with inodes a file that was written again
// differs even if it is the same.
func (g *ground) snapshot(inodes bool) (map[string]string, error) {
	all := map[string]string{}
	for _, m := range g.c.Machines() {
		err := filepath.WalkDir(m.Host("/"), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if path == m.Host("/proc") {
				return fs.SkipDir
			}
			all[path], err = describe(path, d, inodes)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func describe(path string, d fs.DirEntry, inodes bool) (string, error) {
	info, err := d.Info()
	if err != nil {
		return "", err
	}
	st := info.Sys().(*syscall.Stat_t)
	text := fmt.Sprintf("%v %d:%d", info.Mode(), st.Uid, st.Gid)
	if d.Type().IsRegular() {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		text += fmt.Sprintf(" %q", content)
	}
	if inodes {
		text += fmt.Sprintf(" inode %d", st.Ino)
	}
	return text, nil
}

// differences names what is not as it was before, without content: there are keys among it.
func differences(before, after map[string]string) []string {
	var all []string
	for path, was := range before {
		if is, ok := after[path]; !ok {
			all = append(all, "preimage lost: "+path+" is missing")
		} else if is != was {
			all = append(all, fmt.Sprintf("preimage lost: %s is %s, was %s", path, brief(is), brief(was)))
		}
	}
	for path, is := range after {
		if _, ok := before[path]; !ok {
			all = append(all, "left behind: "+path+", "+brief(is))
		}
	}
	return all
}

func brief(description string) string {
	head, content, _ := strings.Cut(description, ` "`)
	return fmt.Sprintf("%s, %d bytes quoted", head, len(content))
}
