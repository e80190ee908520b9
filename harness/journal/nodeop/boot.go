package nodeop

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/journal/await"
	"github.com/nov30/nov30/harness/node"
)

// BootLimit is how long a node may take until systemd in it has booted. The hardest machine tried took 9 s.
const BootLimit = 90 * time.Second

// AwaitBoot waits until systemd in the node says running or degraded (a failed unit does not unboot a node).
func AwaitBoot(ctx context.Context, clock clockwork.Clock, n node.Node) error {
	return await.Until(ctx, clock, 250*time.Millisecond, BootLimit, func(ctx context.Context) error {
		out, err := n.Exec(ctx, nil, "systemctl", "is-system-running")
		var failed *node.ExecError
		if errors.As(err, &failed) {
			out = failed.Stdout // degraded exits 1
		}
		state := strings.TrimSpace(string(out))
		if (state == "running" && err == nil) || state == "degraded" {
			return nil
		}
		if err == nil {
			err = errNotBooted
		}
		return fmt.Errorf("%s: systemd says %q, want running or degraded: %w", n.Name(), state, err)
	})
}

var errNotBooted = errors.New("the node has not booted")

// BootID names the node's present boot: the start time of its process 1 in clock ticks (proc(5), field 22 of stat). The
// kernel's own boot_id is the host's and stays.
func BootID(ctx context.Context, n node.Node) (string, error) {
	out, err := n.Exec(ctx, nil, "cat", "--", "/proc/1/stat")
	if err != nil {
		return "", err
	}
	// The second field is the program's name in parentheses and may itself hold spaces and parentheses.
	text := string(out)
	fields := strings.Fields(text[strings.LastIndex(text, ")")+1:])
	if len(fields) < 20 {
		return "", fmt.Errorf("%s: /proc/1/stat holds %q, no start time", n.Name(), out)
	}
	return fields[19], nil
}
