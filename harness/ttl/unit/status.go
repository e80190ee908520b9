package unit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nov30/nov30/harness/journal"
)

// Status is a node's time limit now.
type Status struct {
	Armed   bool          `json:"armed"`       // the timer counts, and will do so again after a restart of the node
	State   string        `json:"state"`       // of the timer in systemd's words, such as active/waiting/enabled
	FiresIn time.Duration `json:"fires_in_ns"` // 0 when it is not armed
	Fired   *Mark         `json:"fired"`       // null when it has not fired
	Pending int           `json:"pending"`     // inverses that it would apply
}

// ParseStatus reads what `nov30-node status` prints.
func ParseStatus(data []byte) (Status, error) {
	var s Status
	if err := strictJSON(data, &s); err != nil {
		return Status{}, fmt.Errorf("the status of the time limit: %w", err)
	}
	if s.State == "" {
		return Status{}, errors.New("the status of the time limit: names no state of the timer")
	}
	return s, nil
}

// Status looks at timer, mark and journal. A journal with damaged entries is an error.
func (u Unit) Status(ctx context.Context) (Status, error) {
	if err := u.here(); err != nil {
		return Status{}, err
	}
	s, err := u.timer(ctx)
	if err != nil {
		return Status{}, err
	}
	if s.Fired, err = u.readMark(); err != nil {
		return Status{}, err
	}
	found, err := journal.List(u.Dir)
	if err != nil {
		return Status{}, err
	}
	for _, l := range found {
		if l.Err != nil || len(l.Lost) > 0 {
			return Status{}, fmt.Errorf("journal %s: damaged: %w", l.Path, errors.Join(l.Err, errors.New(strings.Join(l.Lost, ", "))))
		}
		s.Pending += l.Pending
	}
	return s, nil
}

func (u Unit) timer(ctx context.Context) (Status, error) {
	out, err := u.Node.Exec(ctx, nil, "systemctl", "show", "--property=ActiveState,SubState,UnitFileState,NextElapseUSecMonotonic", TimerName)
	if err != nil {
		return Status{}, err
	}
	now, err := monotonic()
	if err != nil {
		return Status{}, err
	}
	s, elapses, err := parseTimer(string(out))
	if err == nil && s.Armed {
		s.FiresIn = elapses - now
	}
	return s, err
}

// parseTimer also gives the point of CLOCK_MONOTONIC at which an armed timer elapses.
func parseTimer(show string) (s Status, elapses time.Duration, err error) {
	p := map[string]string{}
	for line := range strings.Lines(show) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		p[name] = value
	}
	if p["ActiveState"] == "" {
		return Status{}, 0, fmt.Errorf("systemd names no state of %s: %q", TimerName, show)
	}
	s.State = strings.Join([]string{p["ActiveState"], p["SubState"], p["UnitFileState"]}, "/")
	if s.State != "active/waiting/enabled" {
		return s, 0, nil
	}
	if elapses, err = parseTimespan(p["NextElapseUSecMonotonic"]); err != nil {
		return Status{}, 0, fmt.Errorf("when %s elapses: %w", TimerName, err)
	}
	s.Armed = true
	return s, elapses, nil
}

// monotonic reads the clock that the timer runs on.
func monotonic() (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0, fmt.Errorf("CLOCK_MONOTONIC: %w", err)
	}
	return time.Duration(t.Nano()), nil
}
