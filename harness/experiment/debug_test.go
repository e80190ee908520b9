package experiment

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

func TestDebugPool(t *testing.T) {
	for seed := range uint64(3000) {
		m := newMaker()
		dice := rand.New(rand.NewPCG(seed, 30))
		var mu sync.Mutex
		var log []string
		chance := func(n int) bool { mu.Lock(); defer mu.Unlock(); return dice.IntN(n) == 0 }
		size := 2
		p := pooled(m, size)
		note := func(f string, a ...any) {
			p.mu.Lock()
			e, c := p.exist, len(p.coming)
			p.mu.Unlock()
			m.mu.Lock()
			n := m.now
			m.mu.Unlock()
			mu.Lock()
			log = append(log, fmt.Sprintf(f, a...)+fmt.Sprintf(" exist %d coming %d now %d", e, c, n))
			mu.Unlock()
		}
		m.pause = func(_ context.Context, what string) error { note("%s", what); return nil }
		f := func(what string) func(int) error {
			return func(int) error {
				if chance(5) {
					note("%s FAILS", what)
					return errBroken
				}
				return nil
			}
		}
		m.createFails, m.renewFails, m.preferFails = f("create"), f("renew"), f("prefer")
		var takers sync.WaitGroup
		for i := range size {
			takers.Go(func() {
				for range 8 {
					spec := two
					if chance(4) {
						spec = three
					}
					ctx, cancel := context.WithCancel(t.Context())
					if chance(6) {
						cancel()
						note("%d cancelled", i)
					}
					note("%d take %v", i, spec)
					s, err := p.take(ctx, spec)
					note("%d took %p %v", i, s.ground, err)
					cancel()
					if err != nil {
						continue
					}
					if chance(4) {
						note("%d discard %p", i, s.ground)
						p.discard(t.Context(), s.ground)
					} else {
						note("%d put %p", i, s.ground)
						p.put(s.ground)
					}
				}
			})
		}
		takers.Wait()
		p.close(t.Context())
		if m.most > size {
			for _, l := range log {
				fmt.Println(l)
			}
			t.Fatal(seed, m.most)
		}
	}
}
