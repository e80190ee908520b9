// Package probe observes a cluster from outside: fresh connections, pinned keys, its own clock.
package probe

import (
	"context"
	"time"

	"github.com/nov30/nov30/harness/cluster"
)

// Probe is one observer. Check reports nil for healthy; anything else, a time-out and missing data included, is red.
type Probe interface {
	String() string
	Check(ctx context.Context, c cluster.Cluster) error
}

// Timing is how often a probe is checked and how long one check may take.
type Timing struct {
	Interval, Timeout time.Duration
}

// Scheduled is a probe with its timing.
type Scheduled struct {
	Probe  Probe
	Timing Timing
}
