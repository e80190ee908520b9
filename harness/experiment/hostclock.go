package experiment

import (
	"fmt"
	"time"

	"github.com/jonboulle/clockwork"
)

// hostClockTolerance is what time synchronisation may adjust in an arm; a tool that sets the clock moves it by far more.
const hostClockTolerance = time.Second

// hostClock notices when something moves the host's clock: a node in which CAP_SYS_TIME could not be dropped shares it.
type hostClock struct {
	clock clockwork.Clock
	start time.Time
}

func watchHostClock(c clockwork.Clock) hostClock { return hostClock{clock: c, start: c.Now()} }

// check compares the wall clock with what the monotonic one says it must be.
func (h hostClock) check() error {
	now := h.clock.Now()
	moved := now.Round(0).Sub(h.start.Round(0)) - now.Sub(h.start)
	if moved.Abs() > hostClockTolerance {
		return fmt.Errorf("the host's clock was moved by %s during the arm", moved.Round(time.Millisecond))
	}
	return nil
}
