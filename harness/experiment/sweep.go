package experiment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/engine"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/ttl"
)

// Swept is what a sweep found and did.
type Swept struct {
	Reverted []string `json:"reverted"` // journals whose inverses were all applied, or whose cluster is gone
	Deleted  []string `json:"deleted"`  // clusters
	Kept     []string `json:"kept"`     // clusters left alone because somebody asked to keep them
	Busy     []string `json:"busy"`     // clusters and journals of runs that are alive
}

// Scope is what a sweep may touch.
type Scope struct {
	Kept bool   // kept clusters, too
	Run  string // only what is of this run; empty: of every run that is dead
}

// Sweep undoes what runs that died left behind: it applies open journals and deletes the runs' clusters. What a living
// run holds is left alone, and so is a kept cluster unless the scope has it. The error joins what could not be done; it
// carries *journal.IncompleteError where an inverse could not be applied.
func Sweep(ctx context.Context, p cluster.Provider, h Home, scope Scope, progress func(string)) (Swept, error) {
	s := Swept{Reverted: []string{}, Deleted: []string{}, Kept: []string{}, Busy: []string{}}
	done, err := h.sweeps(ctx, p.Clock)
	if err != nil {
		return s, err
	}
	defer done()
	open, err := journal.List(h.Journals())
	if err != nil {
		return s, err
	}
	var errs []error
	var broken []journal.Listed // could not be reverted: gone with its cluster, if that is deleted
	for _, l := range open {
		if scope.Run != "" && l.Meta.Run != scope.Run {
			continue
		}
		if l.InUse {
			s.Busy = append(s.Busy, l.Path)
			continue
		}
		progress(fmt.Sprintf("journal of run %s, %s/%s: %d inverses to apply on cluster %s", l.Meta.Run, l.Meta.Scenario, l.Meta.Arm, l.Pending, l.Meta.Cluster))
		if err := within(ctx, revertWithin, func(ctx context.Context) error { return sweepJournal(ctx, p, l, progress) }); err != nil {
			progress(err.Error())
			broken = append(broken, l)
			continue
		}
		s.Reverted = append(s.Reverted, l.Path)
	}
	clusters, err := p.Leftovers(ctx)
	if err != nil {
		for _, b := range broken {
			errs = append(errs, unreverted(b, err))
		}
		return s, errors.Join(append(errs, err)...)
	}
	for _, c := range clusters {
		if scope.Run == "" || c.Run == scope.Run {
			errs = append(errs, s.cluster(ctx, p, h, c, scope.Kept, progress))
		}
	}
	for _, l := range broken { // once more: with its cluster deleted there is nothing left to undo
		if err := within(ctx, revertWithin, func(ctx context.Context) error { return sweepJournal(ctx, p, l, progress) }); err != nil {
			errs = append(errs, err)
			continue
		}
		s.Reverted = append(s.Reverted, l.Path)
	}
	if errors.Join(errs...) == nil {
		errs = append(errs, h.forgetDead(scope.Run))
	}
	return s, errors.Join(errs...)
}

func (s *Swept) cluster(ctx context.Context, p cluster.Provider, h Home, c cluster.Leftover, all bool, progress func(string)) error {
	alive, err := h.Alive(c.Run)
	switch {
	case err != nil:
		return err
	case alive:
		s.Busy = append(s.Busy, c.Name)
		return nil
	case h.isKept(c.Name) && !all:
		s.Kept = append(s.Kept, c.Name)
		return nil
	}
	progress("deleting cluster " + c.Name)
	if err := p.DeleteLeftover(ctx, c.Name); err != nil {
		return err
	}
	s.Deleted = append(s.Deleted, c.Name)
	return h.unkeep(c.Name)
}

func sweepJournal(ctx context.Context, p cluster.Provider, l journal.Listed, progress func(string)) error {
	if errors.Is(l.Err, journal.ErrNoHeader) && l.Pending == 0 && len(l.Lost) == 0 {
		return os.Remove(l.Path) // begun and never written to
	}
	if l.Err != nil {
		return unreverted(l, fmt.Errorf("journal %s: %w", l.Path, l.Err))
	}
	f, err := journal.Open(l.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // somebody else has just done it
	}
	if err != nil {
		return unreverted(l, err)
	}
	defer f.Close()
	m := l.Meta
	if here := p.Engine.String(); m.Engine != "" && m.Engine != here {
		return unreverted(l, fmt.Errorf("cluster %s is on %s, and this is %s: set NOV30_ENGINE or DOCKER_HOST as they were", m.Cluster, m.Engine, here))
	}
	k, err := p.OpenIdentity(ctx, cluster.Identity{Cluster: m.Cluster, Run: m.Run, Server: m.APIServer, CASHA256: m.CASHA256})
	if errors.Is(err, cluster.ErrGone) {
		return f.Discard() // whatever was broken is gone with it
	}
	if err != nil {
		return unreverted(l, err)
	}
	if err := undo(ctx, k, f, func(i journal.Inverse, err error) { progress(outcome(i, err)) }, progress); err != nil {
		return err
	}
	if err := k.ClearBackOff(ctx); err != nil {
		progress(fmt.Sprintf("kubelet could not be restarted, so the API may take five minutes: %v", err))
	}
	return nil
}

// undo applies a journal to its cluster, takes the nodes' time limit back, and seals the journal, in this order: as long as
// something is broken the nodes can undo it by themselves, and as long as a limit is set the journal leads back to it.
func undo(ctx context.Context, k *cluster.Kind, f *journal.File, done func(journal.Inverse, error), say func(string)) error {
	if err := k.AwaitQuiet(ctx); err != nil {
		say(fmt.Sprintf("cluster %s: %v", k.Name(), err)) // no reason to leave it broken
	}
	if err := f.Revert(ctx, k, done); err != nil {
		return err
	}
	if err := ttl.Disarm(ctx, k); err != nil {
		return fmt.Errorf("everything is undone, but the nodes' time limit is still set: %w", err)
	}
	return f.Seal()
}

// unreverted is the error of a journal whose inverses could not even be begun with.
func unreverted(l journal.Listed, cause error) error {
	if l.Pending == 0 && len(l.Lost) == 0 {
		return cause
	}
	return &journal.IncompleteError{Journal: l.Path, Cluster: l.Meta.Cluster, Cause: cause, Pending: l.Pending}
}

func outcome(i journal.Inverse, err error) string {
	if err != nil {
		return fmt.Sprintf("%s: %v", i, err)
	}
	return i.String() + ": done and verified"
}

// Dead lists the clusters whose run is over and that nobody asked to keep.
func Dead(ctx context.Context, e *engine.Engine, h Home) ([]string, error) {
	clusters, err := cluster.Provider{Engine: e, Home: h.ID()}.Leftovers(ctx)
	if err != nil {
		return nil, err
	}
	var dead []string
	for _, c := range clusters {
		alive, err := h.Alive(c.Run)
		if err != nil {
			return nil, err
		}
		if !alive && !h.isKept(c.Name) {
			dead = append(dead, c.Name)
		}
	}
	return dead, nil
}
