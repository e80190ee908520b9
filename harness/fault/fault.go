// Package fault breaks things. Every change is journaled with its inverse first.
package fault

import (
	"context"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal"
)

// Fault breaks one thing.
type Fault interface {
	String() string
	// Inject breaks it. Before each change the inverse goes into the journal. An error means that the fault may be
	// half injected: the caller applies the journal.
	Inject(ctx context.Context, c cluster.Cluster, j journal.Journal) error
}
