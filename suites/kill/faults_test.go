package kill

import (
	"bytes"
	"context"
	"io/fs"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/fault"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/nodeop"
)

const (
	etcdPKI    = "/etc/kubernetes/pki/etcd/"
	kubeletEnv = "/var/lib/kubelet/kubeadm-flags.env"
	planted    = "/etc/kubernetes/manifests/nov30.yaml" // absent in a healthy cluster
)

// theFaults are the shipped ones and, for what no shipped one does yet, files that are made, and lose mode and owner.
func theFaults() []fault.Fault {
	return []fault.Fault{
		fault.ExpireEtcdCerts{},
		setFile{cluster.Worker, kubeletEnv, 0o606},
		setFile{cluster.ControlPlane, planted, 0o644},
		fault.RestartNode{Role: cluster.Worker},
	}
}

// setFile changes content, mode and owner of a file, whether or not it is there.
type setFile struct {
	role cluster.Role
	path string
	mode fs.FileMode
}

func (f setFile) String() string { return "set " + f.path }

func (f setFile) Inject(ctx context.Context, c cluster.Cluster, j journal.Journal) error {
	n, before, after, err := f.read(ctx, c)
	if err != nil {
		return err
	}
	if err := j.Append(journal.Restore(n.Name(), before, after.Content)); err != nil {
		return err
	}
	return nodeop.Write(ctx, n, after)
}

func (f setFile) read(ctx context.Context, c cluster.Cluster) (n cluster.Node, before, after nodeop.File, err error) {
	if n, err = cluster.First(c, f.role); err != nil {
		return n, before, after, err
	}
	before, err = nodeop.Read(ctx, n, f.path)
	uid, gid := owner(7)
	return n, before, nodeop.File{Path: f.path, Content: []byte("broken"), Mode: f.mode, UID: uid, GID: gid}, err
}

// lateFile is a fault that journals too late: what the kill test is there to find.
type lateFile struct{ v *victim }

func (f lateFile) String() string { return "late" }

func (f lateFile) Inject(ctx context.Context, c cluster.Cluster, j journal.Journal) error {
	n, before, after, err := setFile{cluster.Worker, kubeletEnv, 0o606}.read(ctx, c)
	if err != nil {
		return err
	}
	if err := nodeop.Write(ctx, n, after); err != nil {
		return err
	}
	f.v.step("changed")
	return j.Append(journal.Restore(n.Name(), before, after.Content))
}

// slowFile gives its command to a node that takes its time; the command outlives who gave it.
type slowFile struct{ v *victim }

func (f slowFile) String() string { return "slow" }

// flyingFile says that the command of slowFile runs and has its input, goFile lets it go on. No preimage is where they lie.
const (
	flyingFile = "/proc/flying"
	goFile     = "/proc/go"
)

func (f slowFile) Inject(ctx context.Context, c cluster.Cluster, j journal.Journal) error {
	n, before, after, err := setFile{cluster.Worker, kubeletEnv, 0o606}.read(ctx, c)
	if err != nil {
		return err
	}
	if err := j.Append(journal.Restore(n.Name(), before, after.Content)); err != nil {
		return err
	}
	_, err = nodeop.Script(ctx, n, bytes.NewReader(after.Content), "write slowly",
		`content=$(cat); : >"$4"; while [ ! -e "$3" ]; do :; done; printf %s "$content" >"$1"; mv -fT -- "$1" "$2"`,
		"/var/lib/kubelet/.new", kubeletEnv, goFile, flyingFile)
	return err
}
