package experiment

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/engine"
	"github.com/nov30/nov30/harness/proof"
	"github.com/nov30/nov30/harness/slo"
)

var (
	two   = cluster.Spec{Workers: 1}
	three = cluster.Spec{Workers: 2}
)

func silent(string, ...any) {}

func pooled(m *fakeMaker, size int) *pool { return newPool(m, size, m.clock, silent) }

func mustTake(t *testing.T, p *pool, spec cluster.Spec) source {
	t.Helper()
	s, err := p.take(t.Context(), spec)
	if err != nil || s.ground == nil || s.ground.spec != spec {
		t.Fatalf("%+v, %v", s, err)
	}
	return s
}

func mustClose(t *testing.T, p *pool, m *fakeMaker) (leaks []error) {
	t.Helper()
	leaks, err := p.close(t.Context())
	if err != nil || m.left() != 0 {
		t.Errorf("%d clusters are left, %v", m.left(), err)
	}
	m.once(t)
	return leaks
}

func TestWhileOneClusterIsUsedTheNextIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMaker()
		p := pooled(m, 2)
		first := mustTake(t, p, two)
		synctest.Wait()
		if !first.new || first.waited != 30*time.Second || m.count("create") != 2 || m.count("prefer") != 0 {
			t.Errorf("%+v, %d made", first, m.count("create"))
		}
		second := mustTake(t, p, two)
		if second.new || second.waited != 0 || second.ground == first.ground || m.count("prefer") != 1 {
			t.Errorf("%+v, told to hurry %d times", second, m.count("prefer"))
		}
		synctest.Wait()
		if m.count("create") != 2 || m.background[0] || !m.background[1] {
			t.Errorf("made %v (in the background)", m.background)
		}
		p.put(first.ground)
		third := mustTake(t, p, two)
		if third.ground != first.ground || m.count("renew") != 1 || m.count("create") != 2 {
			t.Errorf("%+v, renewed %d", third, m.count("renew"))
		}
		p.put(second.ground)
		p.put(third.ground)
		if leaks := mustClose(t, p, m); len(leaks) > 0 {
			t.Errorf("%v", leaks)
		}
	})
}

func TestAClusterThatFailedItsProofIsDeletedOnceAndNeverHandedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, size := range []int{1, 2} {
			m := newMaker()
			m.renewFails = at(&leak{cluster: "c1", err: errors.Join(errBroken, &proof.DifferentError{Changes: []slo.Change{{Object: "file/x"}}})}, 1)
			var said []string
			p := newPool(m, size, m.clock, func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) })
			used := mustTake(t, p, two).ground
			synctest.Wait()
			p.put(used)
			synctest.Wait()
			var held []*ground
			for range size {
				held = append(held, mustTake(t, p, two).ground)
			}
			for _, g := range held {
				if g == used {
					t.Error("the spoiled one was handed out")
				}
			}
			if m.deleted[used] != 1 || m.left() != size || m.most > size {
				t.Errorf("size %d: deleted %d times, %d left, %d at most", size, m.deleted[used], m.left(), m.most)
			}
			if len(said) != 1 || !strings.Contains(said[0], "c1 is thrown away") {
				t.Errorf("said %q", said)
			}
			for _, g := range held {
				p.put(g)
			}
			leaks := mustClose(t, p, m)
			if l := (*leak)(nil); len(leaks) != 1 || !errors.As(leaks[0], &l) || !errors.Is(leaks[0], errBroken) {
				t.Errorf("leaks %v", leaks)
			}
		}
	})
}

func TestACreationThatFailsInTheBackgroundIsTriedAgainWhereItIsNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMaker()
		m.createFails = at(errBroken, 2, 3)
		p := pooled(m, 2)
		first := mustTake(t, p, two)
		synctest.Wait()
		if _, err := p.take(t.Context(), two); !errors.Is(err, errBroken) || m.background[2] {
			t.Errorf("%v, in the background %v", err, m.background)
		}
		again := mustTake(t, p, two)
		if !again.new || again.ground == first.ground {
			t.Errorf("%+v", again)
		}
		p.put(first.ground)
		p.put(again.ground)
		if leaks := mustClose(t, p, m); len(leaks) > 0 || m.most > 2 {
			t.Errorf("a machine that cannot make a cluster is no leak: %v; %d at most", leaks, m.most)
		}
	})
}

// gate lets nothing of a kind pass until it is opened, or its context ends.
func gate(what string) (pause func(context.Context, string) error, open func()) {
	opened := make(chan struct{})
	return func(ctx context.Context, is string) error {
		if is != what {
			return nil
		}
		select {
		case <-opened:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}, func() { close(opened) }
}

func TestAWaitThatIsBrokenOffDoesNotLoseTheCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMaker()
		p := pooled(m, 1)
		g := mustTake(t, p, two).ground
		pause, open := gate("renew")
		m.pause = pause
		p.put(g)
		for _, spec := range []cluster.Spec{two, three} { // to have it, and to have it make room
			ctx, cancel := context.WithCancelCause(t.Context())
			failed := make(chan error)
			go func() { _, err := p.take(ctx, spec); failed <- err }()
			synctest.Wait()
			cancel(errBroken)
			if err := <-failed; !errors.Is(err, errBroken) {
				t.Errorf("%v", err)
			}
		}
		open()
		if again := mustTake(t, p, two); again.ground != g || m.count("create") != 1 {
			t.Errorf("%+v, made %d", again, m.count("create"))
		}
		p.put(g)
		mustClose(t, p, m)
	})
}

func TestAClusterOfAnotherShapeMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMaker()
		p := pooled(m, 1)
		g := mustTake(t, p, two).ground
		p.put(g)
		other := mustTake(t, p, three)
		if m.deleted[g] != 1 || m.most != 1 || !other.new {
			t.Errorf("deleted %d times, %d at most, %+v", m.deleted[g], m.most, other)
		}
		p.put(other.ground)
		m.deleteFails = at(errBroken, 2)
		if _, err := p.take(t.Context(), two); !errors.Is(err, errBroken) {
			t.Errorf("a cluster that cannot be deleted: %v", err)
		}
		mustClose(t, p, m)
	})
}

func TestAClusterThatCannotBePreferredIsDeletedAndTheErrorIsGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMaker()
		m.preferFails = at(errBroken, 1)
		p := pooled(m, 1)
		g := mustTake(t, p, two).ground
		p.put(g)
		if _, err := p.take(t.Context(), two); !errors.Is(err, errBroken) || m.deleted[g] != 1 {
			t.Errorf("%v, deleted %d times", err, m.deleted[g])
		}
		if again := mustTake(t, p, two); !again.new || p.exist != 1 {
			t.Errorf("%+v, %d exist", again, p.exist)
		} else {
			p.put(again.ground)
		}
		mustClose(t, p, m)
	})
}

func TestClosingBreaksOffWhatIsBeingMadeAndWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, what := range []string{"create", "renew"} {
			m := newMaker()
			p := pooled(m, 2)
			g := mustTake(t, p, two).ground
			synctest.Wait()
			m.mu.Lock()
			m.pause, _ = gate(what)
			m.mu.Unlock()
			if what == "renew" {
				p.put(g)
			} else {
				p.forget()
				if err := m.delete(t.Context(), g); err != nil {
					t.Fatal(err)
				}
				p.prepare(two)
			}
			synctest.Wait()
			if leaks := mustClose(t, p, m); len(leaks) > 0 {
				t.Errorf("what was broken off is no leak: %v", leaks)
			}
			if p.exist != 0 || m.count(what) == 0 {
				t.Errorf("%s: %d exist, begun %d times", what, p.exist, m.count(what))
			}
			p.prepare(two)
			synctest.Wait()
			if m.left() != 0 {
				t.Error("one was made after the end")
			}
		}
	})
}

func TestClosingSaysWhatCouldNotBeDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMaker()
		p := pooled(m, 2)
		a, b := mustTake(t, p, two).ground, mustTake(t, p, two).ground
		m.renewFails, m.deleteFails = at(errBroken, 1), at(errors.New("the engine hangs"), 1, 2)
		p.put(a)
		synctest.Wait()
		p.put(b)
		if _, err := p.close(t.Context()); err == nil || strings.Count(err.Error(), "the engine hangs") != 2 {
			t.Errorf("%v", err)
		}
		m.once(t)
	})
}

func TestANilPoolHasNothingToClose(t *testing.T) {
	if leaks, err := (*pool)(nil).close(t.Context()); leaks != nil || err != nil {
		t.Errorf("%v, %v", leaks, err)
	}
}

func TestThePoolAnswersForWhatItAdopts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMaker()
		p := pooled(m, 1)
		g, err := m.create(t.Context(), two, false)
		if err != nil {
			t.Fatal(err)
		}
		p.adopt(g)
		if s := mustTake(t, p, two); s.ground != g || s.new {
			t.Errorf("%+v", s)
		}
		p.put(g)
		mustClose(t, p, m)
	})
}

func TestThereIsASecondClusterOnlyWhereItDisturbsNobody(t *testing.T) {
	for _, c := range []struct{ more, arms, processes, want int }{
		{0, 0, 1, 1}, {1, 2, 1, 1}, {2, 1, 1, 1}, {2, 2, 1, 2}, {9, 9, 1, 2}, {3, 9, 2, 1}, {4, 2, 2, 1}, {4, 3, 2, 2},
	} {
		if got := clustersEach(engine.Capacity{More: c.more, Arms: c.arms}, c.processes); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// TestAnyOrderOfTakingAndPutting has as many takers as there may be clusters, as in a run, each with one at a time.
func TestAnyOrderOfTakingAndPuttingKeepsToTheSizeAndLeavesNothing(t *testing.T) {
	for seed := range uint64(60) {
		m := newMaker()
		dice := rand.New(rand.NewPCG(seed, 30))
		var mu sync.Mutex
		chance := func(n int) bool { mu.Lock(); defer mu.Unlock(); return dice.IntN(n) == 0 }
		sometimes := func(int) error {
			if chance(5) {
				return errBroken
			}
			return nil
		}
		m.createFails, m.renewFails, m.preferFails = sometimes, sometimes, sometimes
		size := 1 + int(seed%3)
		p := pooled(m, size)
		held := map[*ground]bool{}
		var takers sync.WaitGroup
		for range size {
			takers.Go(func() {
				for range 20 {
					spec := two
					if chance(4) {
						spec = three
					}
					ctx, cancel := context.WithCancel(t.Context())
					if chance(6) {
						cancel()
					}
					s, err := p.take(ctx, spec)
					cancel()
					if err != nil {
						continue
					}
					mu.Lock()
					if held[s.ground] || !m.has(s.ground) || s.ground.spec != spec {
						t.Errorf("seed %d: %p is somebody's, spoiled or of another shape", seed, s.ground)
					}
					held[s.ground] = true
					mu.Unlock()
					m.mu.Lock()
					m.spoiled[s.ground] = true // it is being used
					m.mu.Unlock()
					mu.Lock()
					delete(held, s.ground)
					mu.Unlock()
					if chance(4) {
						if err := p.discard(t.Context(), s.ground); err != nil {
							t.Error(err)
						}
					} else {
						p.put(s.ground)
					}
				}
			})
		}
		takers.Wait()
		_, err := p.close(t.Context())
		if err != nil || m.left() != 0 || m.most > size || p.exist != 0 {
			t.Errorf("seed %d: %v; %d are left, %d count; at most %d of %d", seed, err, m.left(), p.exist, m.most, size)
		}
		m.once(t)
	}
}

// has says whether a ground exists and is clean.
func (m *fakeMaker) has(g *ground) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.there[g] && !m.spoiled[g]
}

func TestAClusterThatCouldNotBeMadeMakesNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMaker()
		m.createFails = at(errBroken, 2)
		p := pooled(m, 2)
		a := mustTake(t, p, two).ground // and one in the background, which fails
		synctest.Wait()
		b := mustTake(t, p, three).ground
		p.put(a)
		p.put(b)
		c := mustTake(t, p, cluster.Spec{Workers: 3})
		if m.most > 2 {
			t.Errorf("%d at the same time", m.most)
		}
		p.put(c.ground)
		mustClose(t, p, m)
	})
}
