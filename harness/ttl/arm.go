package ttl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/node"
	"github.com/nov30/nov30/harness/nodeprogram"
	"github.com/nov30/nov30/harness/ttl/unit"
)

// armWithin limits Arm, and the cleaning up after one that failed; it takes about a second.
const armWithin = 30 * time.Second

// Arm sets the limit on every node of c: it copies the program (nov30-node, a file on the host) unless it is there, and
// installs and starts a timer that counts from now; meta is the header of the arm's journal. after is more than 0 and
// at most Max. It proves that every timer counts and when it fires. On an error no node keeps a limit, except with
// ErrInPlace, where nothing was touched.
func Arm(ctx context.Context, c node.Cluster, program string, meta journal.Meta, after time.Duration, clock clockwork.Clock) (*Limit, error) {
	if after <= 0 || after > Max {
		return nil, fmt.Errorf("time limit %s: more than 0 and at most %s", after, Max)
	}
	if c.Name() != meta.Cluster {
		return nil, fmt.Errorf("time limit: cluster %q is not the journal's (%q)", c.Name(), meta.Cluster)
	}
	p, err := nodeprogram.Load(program)
	if err != nil {
		return nil, err
	}
	l := &Limit{cluster: c, meta: meta, after: after, clock: clock}
	cleanup := context.WithoutCancel(ctx)
	ctx, cancel := context.WithTimeout(ctx, armWithin)
	defer cancel()
	sums, err := inspect(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("time limit: %w", err)
	}
	err = each(ctx, c, func(ctx context.Context, n node.Node) error { return l.arm(ctx, n, p, sums[n.Name()] == p.SHA256) })
	if err != nil {
		cleanup, cancel := context.WithTimeout(cleanup, armWithin)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("time limit: %w", err), Disarm(cleanup, c))
	}
	return l, nil
}

// installScript takes: base, directory, program, its sum, service, timer, and whether the program follows. On its standard
// input come service and timer, each ended by a line of two dashes, then the program.
const installScript = `set -eu
umask 077
base=$1 dir=$2 program=$3 sum=$4 service=$5 timer=$6 follows=$7
mkdir -p -- "$dir"
chmod -- 0700 "$base" "$dir"
for unit in "$service" "$timer"; do
	while IFS= read -r line; do
		[ "$line" != -- ] || break
		printf '%s\n' "$line"
	done >"$unit"
	[ "$line" = -- ] || { echo "the units did not arrive whole" >&2; exit 1; }
	chmod -- 0644 "$unit"
done
if [ "$follows" = yes ]; then
	cat >"$dir/program"
	got=$(sha256sum <"$dir/program")
	[ "${got%% *}" = "$sum" ] || { echo "the program that arrived is not the one that was sent" >&2; exit 1; }
	chmod -- 0700 "$dir/program"
	sync -- "$dir/program"
	mv -fT -- "$dir/program" "$program"
fi
sync -- "$service" "$timer" "$base"`

// nodeName may stand in a unit file without quoting.
var nodeName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9.-]*$`)

// arm sets the limit on one node and proves that it counts.
func (l *Limit) arm(ctx context.Context, n node.Node, p nodeprogram.Program, hasProgram bool) error {
	if !nodeName.MatchString(n.Name()) {
		return fmt.Errorf("%q is no plain node name (letters, digits, - and .)", n.Name())
	}
	input := []io.Reader{strings.NewReader(unit.Service(n.Name()) + "--\n" + unit.Timer(l.after) + "--\n")}
	follows := "no"
	if !hasProgram {
		input, follows = append(input, bytes.NewReader(p.Content)), "yes"
	}
	_, err := nodeop.Script(ctx, n, io.MultiReader(input...), "install a time limit", installScript, unit.Base, unit.Dir, unit.Program, p.SHA256,
		unit.UnitDir+"/"+unit.ServiceName, unit.UnitDir+"/"+unit.TimerName, follows)
	if err != nil {
		return err
	}
	start := l.clock.Now()
	if _, err := n.Exec(ctx, nil, "systemctl", "enable", "--now", unit.TimerName); err != nil {
		return err
	}
	s, err := ask(ctx, n)
	if err != nil {
		return err
	}
	return l.counts(n, s, l.clock.Since(start))
}

// slack is how much the measured time to the firing may be off.
const slack = time.Second

// counts makes sure that a timer started at most took ago fires when it should.
func (l *Limit) counts(n node.Node, s unit.Status, took time.Duration) error {
	switch {
	case s.Fired != nil || !s.Armed:
		return fmt.Errorf("%s: %w: the timer is %s", n.Name(), ErrNotArmed, s.State)
	case s.FiresIn > l.after || s.FiresIn < l.after-took-slack:
		return fmt.Errorf("%s: %w: the timer fires in %s, not %s", n.Name(), ErrNotArmed, s.FiresIn, l.after)
	}
	return nil
}
