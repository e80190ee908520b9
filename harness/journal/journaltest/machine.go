package journaltest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// Machine is a node of Processes. Its directory holds root (the node's files), lock (held by its process while it runs),
// process.json (what that process says of itself once it has booted), commands (held by every command while it runs) and
// log.
type Machine struct {
	directory
	cluster *Processes
	home    string
	address netip.Addr
}

// process is what a machine's process says of itself.
type process struct {
	PID    int `json:"pid"`
	Client int `json:"client,omitempty"` // ports of etcd on the loopback interface
	Peer   int `json:"peer,omitempty"`
}

const (
	lockFile     = "lock"
	processFile  = "process.json"
	commandsFile = "commands"
	logFile      = "log"
)

var (
	errOff  = errors.New("the node is not running")
	errBusy = errors.New("a command still runs in it")
)

// Exec implements node.Node.
func (m *Machine) Exec(ctx context.Context, stdin io.Reader, argv ...string) ([]byte, error) {
	if pid, err := m.PID(); err != nil || pid == 0 {
		return m.failed(argv, nil, nil, errors.Join(errOff, err))
	}
	switch {
	case slices.Equal(argv, []string{"systemctl", "is-system-running"}):
		if _, err := m.booted(); err != nil {
			return m.failed(argv, []byte("starting\n"), nil, err)
		}
		return []byte("running\n"), nil
	case len(argv) == 6 && slices.Equal(argv[:5], []string{"timeout", "5", "openssl", "s_client", "-connect"}):
		out, err := m.sClient(ctx, argv[5])
		if err != nil {
			return m.failed(argv, out, nil, err)
		}
		return out, nil
	}
	busy, err := os.OpenFile(filepath.Join(m.home, commandsFile), os.O_CREATE|os.O_RDONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer busy.Close()
	if err := flock(busy, unix.LOCK_SH); err != nil {
		return nil, err
	}
	in := m.directory
	in.inherit = []*os.File{busy} // for as long as the command or a child of it lives
	return in.onHost(ctx, stdin, argv)
}

// idle says whether no command runs.
func (m *Machine) idle(context.Context) error {
	f, err := os.OpenFile(filepath.Join(m.home, commandsFile), os.O_CREATE|os.O_RDONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("%w: %w", errBusy, err)
	}
	return nil
}

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
