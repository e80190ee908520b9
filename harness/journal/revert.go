package journal

import (
	"context"
	"errors"
	"fmt"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/node"
)

// ErrForeignCluster is a revert that was given another cluster than the journal's.
var ErrForeignCluster = errors.New("is not the journal's cluster")

// Revert applies the pending inverses, last in first out, and verifies each by reading back; it can be repeated, and an
// interrupted one goes on where it stopped. A failure does not stop the others, and what failed is tried again for as
// long as others succeed (a file cannot be written while its node is off). progress, which may be nil, hears of each
// inverse once, with nil or with what failed last. What could not be undone is an *IncompleteError. ctx should outlive
// an interrupt of the run.
func (f *File) Revert(ctx context.Context, c node.Cluster, progress func(Inverse, error)) error {
	if meta := f.Meta(); c.Name() != meta.Cluster {
		return fmt.Errorf("journal %s: cluster %q %w (%q)", f.path, c.Name(), ErrForeignCluster, meta.Cluster)
	}
	if progress == nil {
		progress = func(Inverse, error) {}
	}
	where := site{cluster: c, clock: f.Clock, written: f.written()}
	if where.clock == nil {
		where.clock = clockwork.NewRealClock()
	}
	var unmarked error
	causes := map[uint64]error{}
	for undone := true; undone; {
		undone = false
		for _, n := range f.pending() {
			if causes[n.Seq] = undo(ctx, where, n.Inverse); causes[n.Seq] != nil {
				continue
			}
			undone = true
			unmarked = errors.Join(unmarked, f.mark(n.Seq))
			progress(n.Inverse, nil)
		}
	}
	return errors.Join(f.incomplete(causes, progress), unmarked)
}

// written is what the faults of this journal wrote, by file: several may have changed the same one in turn.
func (f *File) written() map[target][]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[target][]string{}
	for _, i := range f.state.inverses {
		all[i.target()] = append(all[i.target()], i.Written)
	}
	return all
}

// undo applies one inverse within its limit and proves it.
func undo(ctx context.Context, where site, i Inverse) error {
	op, err := lookup(i.Op)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, op.within)
	defer cancel()
	err = op.apply(ctx, where, i)
	if errors.Is(err, errSuperseded) {
		return nil // the fault's change is gone, and what is there is not nov30's to undo
	}
	if err != nil {
		return err
	}
	if err := op.verify(ctx, where, i); err != nil {
		return fmt.Errorf("it was applied, but: %w", err)
	}
	return nil
}

// mark notes that an inverse was applied and verified. In the state it is so even where the disk fails: applying it
// again later is harmless.
func (f *File) mark(seq uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.write(entry{Applied: &seq})
	if err != nil {
		f.state.add(entry{Seq: f.state.last + 1, Applied: &seq})
		return fmt.Errorf("an inverse was applied but not marked so: %w", err)
	}
	return nil
}

func (f *File) incomplete(causes map[uint64]error, progress func(Inverse, error)) error {
	e := &IncompleteError{Journal: f.path, Lost: f.lost()}
	for _, n := range f.pending() {
		progress(n.Inverse, causes[n.Seq])
		e.Failed = append(e.Failed, failure(f.path, n, causes[n.Seq]))
	}
	if len(e.Failed) == 0 && len(e.Lost) == 0 {
		return nil
	}
	e.Cluster = f.Meta().Cluster
	return e
}

func (f *File) lost() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.lost
}
