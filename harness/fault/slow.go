package fault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/nodeop"
)

// SlowAPIServer makes the API server of the first control-plane node slow and leaves it healthy, as on a starved machine:
// a transient systemd unit in the node stops its process for 0.4 s and lets it run for 0.2 s, again and again, so that an
// answer takes up to 0.4 s more each time the server has to act, and all come within every time-out: a look-alike.
//
// Delaying packets (tc with netem) would spare the process, but needs a kernel module that many kernels lack, WSL's and
// those of small virtual machines among them; signals need nothing. The unit continues the process whenever it ends,
// however it ends, and ends by itself after an hour.
type SlowAPIServer struct{}

// ErrNotSlower is an API server that answers as fast as before.
var ErrNotSlower = errors.New("the API server is not slower than before")

const (
	apiServer   = "kube-apiserver"
	slowUnit    = "nov30-slow.service"
	slowStopped = 400 * time.Millisecond
	slowRunning = 200 * time.Millisecond
	slowAtMost  = time.Hour
	// slowBy is the least by which the median must grow. At a random moment the median wait is 100 ms; the paced
	// connections of typicalAnswer waited 300 ms and more, on an idle machine and on one with a load of 12 per core.
	slowBy       = 100 * time.Millisecond
	slowMeasures = 11
)

// String implements Fault.
func (f SlowAPIServer) String() string { return "api-slow" }

// Inject implements Fault. It fails with ErrNotSlower when new connections are answered as fast as before, and when one
// of them is not answered with status 200: then the API would not be healthy.
func (f SlowAPIServer) Inject(ctx context.Context, c cluster.Cluster, j journal.Journal) error {
	n, err := cluster.First(c, cluster.ControlPlane)
	if err != nil {
		return fmt.Errorf("%s: %w", f, err)
	}
	before, err := typicalAnswer(ctx, n)
	if err != nil {
		return fmt.Errorf("%s: nothing was changed: %w", f, err)
	}
	if err := j.Append(journal.Inverse{Op: journal.StopUnit, Node: n.Name(), Unit: slowUnit, Program: apiServer}); err != nil {
		return fmt.Errorf("%s: nothing was changed, the inverse is not in the journal: %w", f, err)
	}
	if _, err := n.Exec(ctx, nil, slowCommand()...); err != nil {
		return fmt.Errorf("%s: %w", f, err)
	}
	after, err := typicalAnswer(ctx, n)
	if err != nil {
		return fmt.Errorf("%s: the API is not healthy: %w", f, err)
	}
	if after-before < slowBy {
		return fmt.Errorf("%s: %w: a new connection got its answer within %s before and %s now (medians of %d), want %s more",
			f, ErrNotSlower, before, after, slowMeasures, slowBy)
	}
	return nil
}

// slowCommand starts the unit. Of what systemd replaces in command lines, ${NAME} and $$, the script and its arguments hold
// nothing; in the property a lone $ is written $$, as systemd.service(5) has it.
func slowCommand() []string {
	pattern := nodeop.CommandLine(apiServer)
	return []string{"systemd-run", "--quiet", "--collect", "--unit=" + slowUnit,
		"--property=RuntimeMaxSec=" + inSeconds(slowAtMost),
		"--property=ExecStopPost=-/usr/bin/pkill -CONT -f '" + strings.ReplaceAll(pattern, "$", "$$") + "'",
		"/bin/sh", "-c", slowScript, "sh", pattern, inSeconds(slowStopped), inSeconds(slowRunning)}
}

// slowScript looks for the process anew each time, because it may have been restarted.
const slowScript = `while :; do pkill -STOP -f "$1"; sleep "$2"; pkill -CONT -f "$1"; sleep "$3"; done`

func inSeconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// typicalAnswer is how long GET /readyz takes on a new connection from within the node: the median, because a starved
// machine makes outliers of its own.
func typicalAnswer(ctx context.Context, n cluster.Node) (time.Duration, error) {
	out, err := nodeop.Script(ctx, n, nil, "time new connections", answerScript, net.JoinHostPort("127.0.0.1", apiServerPort), strconv.Itoa(slowMeasures))
	if err != nil {
		return 0, err
	}
	var times []int
	for _, t := range strings.Fields(string(out)) {
		hundredths, err := strconv.Atoi(t)
		if err != nil || hundredths < 0 {
			return 0, fmt.Errorf("%s: %q is not the time that an answer took", n.Name(), t)
		}
		times = append(times, hundredths)
	}
	if len(times) != slowMeasures {
		return 0, fmt.Errorf("%s: %d answers were timed, not %d", n.Name(), len(times), slowMeasures)
	}
	slices.Sort(times)
	return time.Duration(times[slowMeasures/2]) * 10 * time.Millisecond, nil
}

// answerScript prints for each new connection the hundredths of a second until /readyz was answered with status 200, by
// the kernel's uptime, which nobody sets. It paces them, because right after one another they would mostly fall into the
// same moment in which the process runs.
const answerScript = `now() { read -r up rest </proc/uptime && echo "${up%.*}${up#*.}"; }
i=0
while [ "$i" -lt "$2" ]; do
  begin=$(now)
  printf 'GET /readyz HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$1" |
    timeout 5 openssl s_client -quiet -connect "$1" 2>/dev/null |
    grep -q '^HTTP/1\.1 200 ' || { echo "connection $i: /readyz did not answer with status 200" >&2; exit 1; }
  echo $(($(now) - begin))
  sleep 0.25
  i=$((i + 1))
done`
