package journal

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/nov30/nov30/harness/journal/await"
	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/node"
)

// stopUnitLimit is how long a unit may take to end and to be forgotten by systemd, which it is a moment later.
const stopUnitLimit = 10 * time.Second

var (
	// A unit of another name than nov30's own is nobody's to stop; a program's name goes into a pattern.
	unitName    = regexp.MustCompile(`^nov30-[a-z0-9-]+\.service$`)
	programName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

	errUnitLoaded = errors.New("systemd still knows the unit")
	errStopped    = errors.New("is still stopped by a signal")
)

func checkUnit(i Inverse) error {
	if i.Path != "" || i.Absent || len(i.Preimage) > 0 {
		return errCarriesFile
	}
	if !unitName.MatchString(i.Unit) {
		return fmt.Errorf("unit %q is not nov30-NAME.service", i.Unit)
	}
	if !programName.MatchString(i.Program) {
		return fmt.Errorf("program %q is not the name of a program", i.Program)
	}
	return nil
}

// continueScript continues the processes of a program; none is no failure.
const continueScript = `pkill -CONT -f "$1" || [ $? -eq 1 ]`

// applyStopUnit stops the unit first, for it may stop the processes again at any moment.
func applyStopUnit(ctx context.Context, s site, i Inverse) error {
	n, err := node.Find(s.cluster, i.Node)
	if err != nil {
		return err
	}
	err = unitGone(ctx, n, i.Unit)
	if errors.Is(err, errUnitLoaded) {
		_, err = n.Exec(ctx, nil, "systemctl", "stop", i.Unit)
		if err != nil && unitGone(ctx, n, i.Unit) == nil {
			err = nil // it had ended by itself meanwhile
		}
	}
	if err != nil {
		return err
	}
	_, err = nodeop.Script(ctx, n, nil, "continue processes", continueScript, nodeop.CommandLine(i.Program))
	return err
}

func verifyStopUnit(ctx context.Context, s site, i Inverse) error {
	n, err := node.Find(s.cluster, i.Node)
	if err != nil {
		return err
	}
	return await.Until(ctx, s.clock, 100*time.Millisecond, stopUnitLimit, func(ctx context.Context) error {
		if err := unitGone(ctx, n, i.Unit); err != nil {
			return err
		}
		return noneStopped(ctx, n, i.Program)
	})
}

// unitGone asks systemd, which answers for a unit that it does not know too.
func unitGone(ctx context.Context, n node.Node, unit string) error {
	out, err := n.Exec(ctx, nil, "systemctl", "show", "--property=LoadState,ActiveState", unit)
	if err != nil {
		return err
	}
	state := strings.Fields(string(out))
	for _, s := range state {
		if s == "LoadState=not-found" {
			return nil
		}
	}
	return fmt.Errorf("%s: %w: %s is %s", n.Name(), errUnitLoaded, unit, strings.Join(state, " "))
}

// statesScript prints id and state of each process of a program; none, or one that ended meanwhile, is no failure.
const statesScript = `ids=$(pgrep -d, -f "$1") || { [ $? -eq 1 ]; exit; }
ps -o pid=,stat= -p "$ids" || [ $? -eq 1 ]`

func noneStopped(ctx context.Context, n node.Node, program string) error {
	out, err := nodeop.Script(ctx, n, nil, "list the states of processes", statesScript, nodeop.CommandLine(program))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(out)) {
		pid, state, ok := strings.Cut(strings.TrimSpace(line), " ")
		if state = strings.TrimSpace(state); !ok || state == "" {
			return fmt.Errorf("%s: ps answered %q, not a process and its state", n.Name(), line)
		}
		if state[0] == 'T' || state[0] == 't' { // ps(1): by job control, by a debugger
			return fmt.Errorf("%s: %s (process %s) %w", n.Name(), program, pid, errStopped)
		}
	}
	return nil
}

func stopUnitByHand(_ string, _ uint64, i Inverse) string {
	return fmt.Sprintf("in node %s run: systemctl stop %s; pkill -CONT -f %s", i.Node, i.Unit, quote(nodeop.CommandLine(i.Program)))
}
