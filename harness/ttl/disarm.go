package ttl

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/node"
	"github.com/nov30/nov30/harness/ttl/unit"
)

// ErrLeft is a node on which something of a limit is still there after Disarm.
var ErrLeft = errors.New("something of the time limit is left")

// Disarm ends the limit on every node of c and removes all that belongs to it: timer, service, journal, mark, program. A
// revert that is running is awaited, at most for unit.StopWithin. It can be repeated, and does nothing on a node without a limit.
// The host's journal must have been applied before: what the nodes' journals hold is thrown away.
func Disarm(ctx context.Context, c node.Cluster) error {
	if err := each(ctx, c, disarm); err != nil {
		return fmt.Errorf("end the time limit: %w", err)
	}
	return nil
}

func disarm(ctx context.Context, n node.Node) error {
	known, err := knownUnits(ctx, n)
	if err != nil {
		return err
	}
	if len(known) > 0 { // stopping the service waits until it has ended; with the timer stopped first, nothing starts it again
		if _, err := n.Exec(ctx, nil, append([]string{"systemctl", "stop"}, known...)...); err != nil {
			return err
		}
	}
	_, err = nodeop.Script(ctx, n, nil, "remove a time limit", removeScript, append([]string{unit.Base, unit.Dir, unit.Program}, unitFiles()...)...)
	if err != nil || len(known) == 0 {
		return err
	}
	if _, err := n.Exec(ctx, nil, "systemctl", "daemon-reload"); err != nil {
		return err
	}
	return forgotten(ctx, n)
}

// removeScript takes: base, directory, program, files of the units. The base stays if something else is in it.
const removeScript = `set -eu
base=$1 dir=$2 program=$3; shift 3
rm -f -- "$@" "$program"
rm -rf -- "$dir"
rm -fd -- "$base" 2>/dev/null || [ -d "$base" ]`

// knownUnits lists the units of a limit that systemd in the node knows, from their files or because they still run, the
// timer first.
func knownUnits(ctx context.Context, n node.Node) ([]string, error) {
	out, err := n.Exec(ctx, nil, "systemctl", "show", "--property=Id,LoadState,ActiveState", unit.TimerName, unit.ServiceName)
	if err != nil {
		return nil, err
	}
	states := map[string]string{} // such as loaded/active
	for block := range strings.SplitSeq(string(out), "\n\n") {
		states[property(block, "Id")] = property(block, "LoadState") + "/" + property(block, "ActiveState")
	}
	var known []string
	for _, name := range []string{unit.TimerName, unit.ServiceName} {
		switch states[name] {
		case "not-found/inactive":
		case "", "/":
			return nil, fmt.Errorf("%s: systemd names no state of %s: %q", n.Name(), name, out)
		default:
			known = append(known, name)
		}
	}
	return known, nil
}

func property(show, name string) string {
	for line := range strings.Lines(show) {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// forgotten proves that systemd knows nothing of a limit any more.
func forgotten(ctx context.Context, n node.Node) error {
	left, err := knownUnits(ctx, n)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%s: %w: %s", n.Name(), ErrLeft, strings.Join(left, ", "))
	}
	return err
}
