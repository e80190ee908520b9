// Package unit is the time limit inside one node: the node's own journal, the systemd units that apply it when the limit is
// over, and the mark that they leave. The program nov30-node runs it; it needs nothing outside of the node.
package unit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/await"
	"github.com/nov30/nov30/harness/node"
)

// Where everything lies in a node. Base is on the node's disk and survives a restart of the node; it is 0700, because
// preimages may hold keys.
const (
	Base    = "/var/lib/nov30"
	Dir     = Base + "/ttl" // the journal and the mark
	Program = Base + "/nov30-node"

	UnitDir     = "/etc/systemd/system"
	TimerName   = "nov30-ttl.timer"
	ServiceName = "nov30-ttl.service"
	// WantsDir is where enabling puts the link that starts the timer at every boot.
	WantsDir = UnitDir + "/timers.target.wants"
)

// Unit is the time limit of the node it runs in.
type Unit struct {
	Dir   string    // Dir, or a test's
	Node  node.Node // this node; Exec runs commands right here
	Clock clockwork.Clock
}

// Errors of a node that is not, or not any more, to be worked on.
var (
	ErrNotHere = errors.New("no time limit was set up here")
	ErrFired   = errors.New("the time limit has fired")
)

// here makes sure that this is a node with a time limit: nothing is ever begun anywhere else.
func (u Unit) here() error {
	st, err := os.Stat(u.Dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !st.IsDir() {
		return fmt.Errorf("%w: there is no directory %s; this program runs in the nodes of clusters that nov30 made", ErrNotHere, u.Dir)
	}
	return err
}

// holdWithin limits the waiting for a journal that another process of this program holds for a moment.
const holdWithin = 10 * time.Second

// hold opens a journal, waiting while another process holds it or has just begun it.
func (u Unit) hold(ctx context.Context, open func() (*journal.File, error)) (f *journal.File, err error) {
	busy := await.Until(ctx, u.Clock, 20*time.Millisecond, holdWithin, func(context.Context) error {
		f, err = open()
		if errors.Is(err, journal.ErrInUse) || errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	})
	if busy != nil {
		return nil, busy
	}
	if err == nil {
		f.Clock = u.Clock
	}
	return f, err
}
