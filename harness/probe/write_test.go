package probe

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	corev1 "k8s.io/api/core/v1"
)

// mapAPI keeps ConfigMaps.
type mapAPI struct {
	mu     sync.Mutex
	stored map[string]corev1.ConfigMap
	broken int           // status of every answer, if not 0
	hold   chan struct{} // if not nil, a write waits for it before it is stored, and says so on arrived
	lie    bool          // acknowledges another value
	calls  []string

	arrived chan struct{}
}

func (a *mapAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	hold := a.hold
	a.mu.Unlock()
	var in corev1.ConfigMap
	if r.Method == http.MethodPost {
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			panic(err)
		}
		if hold != nil {
			a.arrived <- struct{}{}
			<-hold
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	name := path.Base(r.URL.Path)
	stored, found := a.stored[name]
	a.calls = append(a.calls, r.Method+" "+strings.TrimPrefix(name, "w-"))
	switch {
	case a.broken != 0:
		reply(w, a.broken, "broken")
	case r.Method == http.MethodPost:
		a.stored[in.Name] = in
		if a.lie {
			in.Data = map[string]string{valueKey: "another"}
		}
		reply(w, http.StatusCreated, in)
	case name == "configmaps":
		selector := r.URL.Query().Get("labelSelector")
		var list corev1.ConfigMapList
		for _, m := range a.stored {
			if IDLabel+"="+m.Labels[IDLabel] == selector {
				list.Items = append(list.Items, m)
			}
		}
		reply(w, 200, list)
	case found:
		reply(w, 200, stored)
	default:
		reply(w, 404, "not found")
	}
}

func (a *mapAPI) change(f func(*mapAPI)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(a)
}

func newWriteTest(t *testing.T) (*mapAPI, *Write, *fakeCluster, *clockwork.FakeClock) {
	a := &mapAPI{stored: map[string]corev1.ConfigMap{}, arrived: make(chan struct{})}
	s := newAPIServer(t, a)
	clock := clockwork.NewFakeClock()
	return a, NewWrite(clock), s.cluster(t, s.ca), clock
}

func TestEveryAcknowledgedWriteVerifies(t *testing.T) {
	a, p, c, _ := newWriteTest(t)
	for range 5 {
		must(t, p.Check(t.Context(), c))
	}
	must(t, p.Verify(t.Context(), c))
	if len(a.stored) != 5 || p.Acknowledged() != 5 {
		t.Fatalf("%d stored, %d acknowledged; want 5", len(a.stored), p.Acknowledged())
	}
	want := append(slices.Repeat([]string{"POST configmaps"}, 5), "GET configmaps")
	if !slices.Equal(a.calls, want) {
		t.Fatalf("asked %v, want %v: nothing is read back without a gap", a.calls, want)
	}
}

func TestAWriteThatWasLostFailsVerify(t *testing.T) {
	a, p, c, _ := newWriteTest(t)
	for range 3 {
		must(t, p.Check(t.Context(), c))
	}
	gone := slices.Sorted(maps.Keys(a.stored))[1]
	a.change(func(a *mapAPI) { delete(a.stored, gone) })
	err := p.Verify(t.Context(), c)
	var lost *LostError
	if !errors.As(err, &lost) || !slices.Equal(lost.Missing, []string{gone}) || lost.Changed != nil {
		t.Fatalf("got %v, want %s missing", err, gone)
	}
	red(t, err, gone)
}

func TestAWriteThatWasChangedFailsVerify(t *testing.T) {
	a, p, c, _ := newWriteTest(t)
	must(t, p.Check(t.Context(), c))
	a.change(func(a *mapAPI) {
		for _, m := range a.stored {
			m.Data[valueKey] = "another"
		}
	})
	var lost *LostError
	if err := p.Verify(t.Context(), c); !errors.As(err, &lost) || len(lost.Changed) != 1 {
		t.Fatalf("got %v, want one changed", err)
	}
}

func TestVerifyTellsUnreadableFromLost(t *testing.T) {
	a, p, c, _ := newWriteTest(t)
	must(t, p.Check(t.Context(), c))
	a.change(func(a *mapAPI) { a.broken = 503 })
	err := p.Verify(t.Context(), c)
	var lost *LostError
	if !errors.Is(err, ErrUnreadable) || errors.As(err, &lost) {
		t.Fatalf("got %v, want ErrUnreadable", err)
	}
}

func TestVerifyWithoutAnyWriteIsNoPass(t *testing.T) {
	_, p, c, _ := newWriteTest(t)
	if err := p.Verify(t.Context(), c); !errors.Is(err, ErrNoWrites) {
		t.Fatalf("got %v", err)
	}
}

func TestAnotherArmsWritesAreNotMine(t *testing.T) {
	_, p, c, clock := newWriteTest(t)
	other := NewWrite(clock)
	must(t, other.Check(t.Context(), c))
	must(t, p.Check(t.Context(), c))
	must(t, p.Verify(t.Context(), c))
	must(t, other.Verify(t.Context(), c))
}

func TestAnAcknowledgementOfSomethingElseIsRed(t *testing.T) {
	a, p, c, _ := newWriteTest(t)
	a.lie = true
	red(t, p.Check(t.Context(), c), "acknowledged something else")
	if p.Acknowledged() != 0 {
		t.Fatal("counted as acknowledged")
	}
}

func TestAfterAFailedWriteTheLastOneIsReadBackFirst(t *testing.T) {
	a, p, c, _ := newWriteTest(t)
	must(t, p.Check(t.Context(), c))
	a.change(func(a *mapAPI) { a.broken = 500 })
	red(t, p.Check(t.Context(), c), "status 500")
	red(t, p.Check(t.Context(), c), "read back")
	a.change(func(a *mapAPI) { a.broken, a.calls = 0, nil })
	must(t, p.Check(t.Context(), c))
	must(t, p.Check(t.Context(), c))
	want := []string{"GET " + p.id + "-1", "POST configmaps", "POST configmaps"}
	if !slices.Equal(a.calls, want) {
		t.Fatalf("asked %v, want %v", a.calls, want)
	}
}

func TestTheProbeStaysRedWhileTheLastAcknowledgedWriteIsLost(t *testing.T) {
	a, p, c, _ := newWriteTest(t)
	must(t, p.Check(t.Context(), c))
	a.change(func(a *mapAPI) { a.broken = 500 })
	red(t, p.Check(t.Context(), c), "status 500")
	a.change(func(a *mapAPI) { a.broken = 0; clear(a.stored) })
	for range 3 {
		red(t, p.Check(t.Context(), c), "lost")
	}
}

func TestAWriteThatWasNeverAskedForIsAGap(t *testing.T) {
	a, p, c, clock := newWriteTest(t)
	must(t, p.Check(t.Context(), c))
	clock.Advance(time.Second)
	must(t, p.Check(t.Context(), c))
	a.calls = nil
	clock.Advance(2 * time.Second)
	must(t, p.Check(t.Context(), c))
	if want := []string{"GET " + p.id + "-2", "POST configmaps"}; !slices.Equal(a.calls, want) {
		t.Fatalf("asked %v, want %v", a.calls, want)
	}
}

func TestOnlyOneWriteIsInFlightAndATimedOutOneIsNotAcknowledged(t *testing.T) {
	a, p, c, _ := newWriteTest(t)
	must(t, p.Check(t.Context(), c))
	hold := make(chan struct{})
	a.change(func(a *mapAPI) { a.hold = hold })
	ctx, cancel := context.WithCancelCause(t.Context())
	first := make(chan error, 1)
	go func() { first <- p.Check(ctx, c) }()
	<-a.arrived
	if err := p.Check(t.Context(), c); !errors.Is(err, ErrInFlight) {
		t.Fatalf("second write: %v", err)
	}
	cancel(errors.New("time-out"))
	red(t, <-first, "time-out")
	close(hold)
	if p.Acknowledged() != 1 {
		t.Fatalf("%d acknowledged, want 1", p.Acknowledged())
	}
	a.change(func(a *mapAPI) { a.hold = nil })
	must(t, p.Check(t.Context(), c)) // its name is its own, whether or not the one before came through
	must(t, p.Verify(t.Context(), c))
}
