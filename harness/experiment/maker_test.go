package experiment

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
)

// fakeMaker makes grounds of nothing and keeps count of them. Each way of failing is asked with the number of the attempt,
// from 1 on; a nil one never fails.
type fakeMaker struct {
	clock *clockwork.FakeClock // every creation takes 30 s

	createFails, renewFails, preferFails, deleteFails func(n int) error
	pause                                             func(ctx context.Context, what string) error // nil: none

	mu         sync.Mutex
	n          map[string]int
	there      map[*ground]bool // made, and not deleted
	most, now  int              // that existed or were being made at the same time
	deleted    map[*ground]int
	spoiled    map[*ground]bool // whose renewal failed
	background []bool           // of each creation
}

func newMaker() *fakeMaker {
	return &fakeMaker{clock: clockwork.NewFakeClock(), n: map[string]int{}, there: map[*ground]bool{}, deleted: map[*ground]int{}, spoiled: map[*ground]bool{}}
}

// attempt counts one, waits where the test wants it, and fails where the test wants that.
func (m *fakeMaker) attempt(ctx context.Context, what string, fails func(int) error) error {
	m.mu.Lock()
	m.n[what]++
	n := m.n[what]
	m.mu.Unlock()
	if m.pause != nil {
		if err := m.pause(ctx, what); err != nil {
			return err
		}
	}
	if fails == nil {
		return nil
	}
	return fails(n)
}

func (m *fakeMaker) create(ctx context.Context, spec cluster.Spec, background bool) (*ground, error) {
	m.mu.Lock()
	m.now++
	m.most = max(m.most, m.now)
	m.background = append(m.background, background)
	m.mu.Unlock()
	err := m.attempt(ctx, "create", m.createFails)
	m.clock.Advance(30 * time.Second)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.now--
		return nil, err
	}
	g := &ground{spec: spec}
	m.there[g] = true
	return g, nil
}

func (m *fakeMaker) renew(ctx context.Context, g *ground, _ bool) error {
	err := m.attempt(ctx, "renew", m.renewFails)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spoiled[g] = err != nil
	if l := (*leak)(nil); err != nil && !errors.As(err, &l) {
		return &leak{cluster: "c", err: err} // as the workshop's errors are
	}
	return err
}

func (m *fakeMaker) prefer(ctx context.Context, _ *ground) error {
	return m.attempt(ctx, "prefer", m.preferFails)
}

func (m *fakeMaker) delete(ctx context.Context, g *ground) error {
	if ctx.Err() != nil {
		return fmt.Errorf("deleted with a context that has ended: %w", ctx.Err())
	}
	err := m.attempt(ctx, "delete", m.deleteFails)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deleted[g]++
	m.now--
	delete(m.there, g)
	return err
}

// left are the grounds that exist.
func (m *fakeMaker) left() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.there)
}

func (m *fakeMaker) count(what string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.n[what]
}

// once fails the test unless everything that was deleted was deleted once.
func (m *fakeMaker) once(t *testing.T) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for g, n := range m.deleted {
		if n != 1 {
			t.Errorf("%p was deleted %d times", g, n)
		}
	}
}

// at fails these attempts.
func at(err error, attempts ...int) func(int) error {
	return func(n int) error {
		for _, a := range attempts {
			if a == n {
				return err
			}
		}
		return nil
	}
}

var errBroken = errors.New("it is broken")
