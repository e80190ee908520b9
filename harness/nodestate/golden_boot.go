package nodestate

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// hostName is what the entrypoint of kind's node image asks the resolver for before it starts systemd, for up to 5 s
// (`timeout 5 getent ahostsv4 host.docker.internal`). Where containers may ask nobody outside, as on nov30's own engine, the
// answer never comes, and the entrypoint goes on without one.
const hostName = "host.docker.internal"

// endNameSearch ends that question early, with the same outcome: no answer.
func endNameSearch(root string) error {
	if init, err := os.ReadFile(filepath.Join(root, "proc/1/comm")); err != nil || strings.TrimSpace(string(init)) == "systemd" {
		return err
	}
	processes, err := filepath.Glob(filepath.Join(root, "proc/[0-9]*/cmdline"))
	for _, p := range processes {
		line, err := os.ReadFile(p)
		if argv := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00"); err != nil || len(argv) != 3 || argv[0] != "getent" || argv[2] != hostName {
			continue // or one that has ended meanwhile
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(p)))
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return err
}
