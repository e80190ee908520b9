package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/node"
)

// operation is how an Op is applied, proven and, when that fails, done by hand. Applying twice must be the same as once.
type operation struct {
	within time.Duration // limit for one apply with its verify
	check  func(Inverse) error
	apply  func(context.Context, site, Inverse) error
	verify func(context.Context, site, Inverse) error
	// byHand names no engine's command: which engine the cluster is on, and at what address, the journal does not know.
	byHand func(journal string, seq uint64, i Inverse) string
}

// site is where an inverse is applied.
type site struct {
	cluster node.Cluster
	clock   clockwork.Clock
	written map[target][]string // what the journal's faults wrote to each file
}

// operations is the table of all inverses: a fault that needs another one adds its line here.
func operations() map[Op]operation {
	return map[Op]operation{
		RestoreFile: {30 * time.Second, checkFile, applyRestoreFile, verifyRestoreFile, restoreFileByHand},
		StartNode:   {nodeop.BootLimit + 30*time.Second, checkNodeOnly, applyStartNode, verifyStartNode, startNodeByHand},
		StopUnit:    {stopUnitLimit + 30*time.Second, checkUnit, applyStopUnit, verifyStopUnit, stopUnitByHand},
	}
}

// ErrUnknownOp is an inverse that this program cannot apply.
var ErrUnknownOp = errors.New("unknown operation")

func lookup(op Op) (operation, error) {
	o, ok := operations()[op]
	if !ok {
		return operation{}, fmt.Errorf("%w %q: the journal was written by another version of nov30; revert with that one", ErrUnknownOp, op)
	}
	return o, nil
}

// An inverse must not promise what its operation does not do.
var (
	errCarriesFile = errors.New("carries a file, which it would not restore")
	errCarriesUnit = errors.New("carries a unit, which it would not stop")
)

// errSuperseded is a change that is there no more because somebody has made another one since.
var errSuperseded = errors.New("changed by somebody else since")

func checkFile(i Inverse) error {
	if i.Unit != "" || i.Program != "" {
		return errCarriesUnit
	}
	if i.Written != "" && !isSHA256(i.Written) {
		return fmt.Errorf("%s: what was written is not named by a hex SHA-256", i.Path)
	}
	return i.file().Check()
}

func applyRestoreFile(ctx context.Context, s site, i Inverse) error {
	n, err := node.Find(s.cluster, i.Node)
	if err != nil {
		return err
	}
	if nodeop.Verify(ctx, n, i.file()) == nil {
		return nodeop.Clean(ctx, n, i.Path) // nothing that watches the file is woken for nothing
	}
	if i.Written != "" {
		now, err := nodeop.Read(ctx, n, i.Path)
		if err != nil {
			return err
		}
		if !now.Absent && !slices.Contains(s.written[i.target()], contentSum(now.Content)) {
			return errSuperseded
		}
	}
	return nodeop.Write(ctx, n, i.file())
}

func verifyRestoreFile(ctx context.Context, s site, i Inverse) error {
	n, err := node.Find(s.cluster, i.Node)
	if err != nil {
		return err
	}
	return nodeop.Verify(ctx, n, i.file())
}

func restoreFileByHand(journal string, seq uint64, i Inverse) string {
	if i.Absent {
		return fmt.Sprintf("in node %s run: rm -f -- %s", i.Node, quote(i.Path))
	}
	extract := fmt.Sprintf(`jq -r 'select(.entry.seq==%d).entry.inverse.preimage // ""' %s | base64 -d`, seq, quote(journal))
	write := fmt.Sprintf(`sh -c 'umask 077; cat >"$1" && chown %d:%d "$1" && chmod %04o "$1"' sh %s`, i.UID, i.GID, i.Mode, quote(i.Path))
	return fmt.Sprintf("give the output of `%s` to the standard input of this in node %s: %s", extract, i.Node, write)
}

func checkNodeOnly(i Inverse) error {
	if i.Path != "" || i.Absent || len(i.Preimage) > 0 {
		return errCarriesFile
	}
	if i.Unit != "" || i.Program != "" {
		return errCarriesUnit
	}
	return nil
}

func applyStartNode(ctx context.Context, s site, i Inverse) error {
	if _, err := node.Find(s.cluster, i.Node); err != nil {
		return err
	}
	return s.cluster.StartNode(ctx, i.Node)
}

func verifyStartNode(ctx context.Context, s site, i Inverse) error {
	n, err := node.Find(s.cluster, i.Node)
	if err != nil {
		return err
	}
	return nodeop.AwaitBoot(ctx, s.clock, n)
}

func startNodeByHand(_ string, _ uint64, i Inverse) string {
	return fmt.Sprintf("start the container %s; then in it run, until it says running or degraded: systemctl is-system-running", i.Node)
}

// quote makes one word of a shell command line.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
