package ttl

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/node"
	"github.com/nov30/nov30/harness/ttl/unit"
)

// inspect makes sure that no node of c has a limit, and gives the sums of the programs that are there, by node.
func inspect(ctx context.Context, c node.Cluster) (map[string]string, error) {
	sums := map[string]string{}
	var mu sync.Mutex
	err := each(ctx, c, func(ctx context.Context, n node.Node) error {
		sum, err := inspectNode(ctx, n)
		mu.Lock()
		defer mu.Unlock()
		sums[n.Name()] = sum
		return err
	})
	return sums, err
}

// inspectScript takes: program, then whatever belongs to a limit. It says what of that is there, else prints the program's
// sum, if there is one.
const inspectScript = `set -eu
program=$1; shift
for there in "$@"; do
	if [ -e "$there" ] || [ -L "$there" ]; then echo "in place: $there"; exit 0; fi
done
if [ -e "$program" ]; then sha256sum <"$program"; fi`

func inspectNode(ctx context.Context, n node.Node) (string, error) {
	out, err := nodeop.Script(ctx, n, nil, "look for a time limit", inspectScript, append([]string{unit.Program, unit.Dir}, unitFiles()...)...)
	if err != nil {
		return "", err
	}
	if what, found := strings.CutPrefix(string(out), "in place: "); found {
		return "", fmt.Errorf("%s: %w (%s)", n.Name(), ErrInPlace, strings.TrimSpace(what))
	}
	sum, _, _ := strings.Cut(string(out), " ")
	return sum, nil
}

// unitFiles are the files of timer and service, and the link that starts the timer at every boot.
func unitFiles() []string {
	return []string{unit.UnitDir + "/" + unit.TimerName, unit.UnitDir + "/" + unit.ServiceName, unit.WantsDir + "/" + unit.TimerName}
}
