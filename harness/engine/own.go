package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nov30/nov30/harness/state"
)

// daemon is the places of nov30's own daemon, all under the state directory.
type daemon struct {
	dir        string
	lock       string // held while the daemon is started or stopped
	config     string // dockerd's
	pid        string
	socket     string
	log        string
	data, exec string // dockerd's data root and exec root
	network    string // which bridge and address pool
	boot       string // the boot in which the daemon was started
	containerd containerd
}

// containerd is the places of the containerd that belongs to the daemon. It is started explicitly, because dockerd left
// alone would share the machine's containerd when there is one, and its containers with a system Docker.
type containerd struct {
	config, socket, log string
	root, state         string
}

// own returns the places of this user's daemon and creates their directory.
func (m machine) own() (daemon, error) {
	base, err := state.Dir(m.getenv)
	if err != nil {
		return daemon{}, err
	}
	dir, err := state.Make(filepath.Join(base, "engine"))
	if err != nil {
		return daemon{}, err
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	return daemon{
		dir: dir, lock: in("lock"), config: in("daemon.json"), pid: in("docker.pid"), socket: in("docker.sock"),
		log: in("dockerd.log"), data: in("data"), exec: in("exec"), network: in("network.json"), boot: in("boot"),
		containerd: containerd{config: in("containerd.toml"), socket: in("containerd.sock"), log: in("containerd.log"),
			root: in("containerd"), state: in("tasks")},
	}, nil
}

// engine is the started daemon as others use it; bin is the docker command.
func (d daemon) engine(bin string) *Engine {
	return &Engine{Name: Docker, Bin: bin, Host: "unix://" + d.socket, Own: true}
}

// fits checks what the kernel would refuse only later and less clearly: a unix socket's path has at most 107 bytes, and
// the longest one below the directory has 34 more than it (dockerd's exec/libnetwork/0123456789ab.sock).
func (d daemon) fits() error {
	const limit = 107
	if longest := len(d.exec) + len("/libnetwork/0123456789ab.sock"); longest > limit {
		return fmt.Errorf("%s is %d bytes too long for the paths of the daemon's sockets: set XDG_STATE_HOME to a shorter directory",
			d.dir, longest-limit)
	}
	return nil
}

// writeFile replaces a file in one step, so that a crash leaves the old text or the new.
func writeFile(path string, data []byte) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
