package proof

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/slo"
)

var (
	oneChange = []slo.Change{{Kind: slo.Altered, Node: "n1", Object: "file/etc/hosts", Diff: "-a\n+b"}}
	errLook   = errors.New("the node does not answer")
)

// awaited runs await on a fake clock that moves whenever it waits. look is asked with the time since the start.
func awaited(t *testing.T, ctx context.Context, look func(since time.Duration) ([]slo.Change, error)) (since time.Duration, err error) {
	t.Helper()
	clock := clockwork.NewFakeClock()
	start := clock.Now()
	done := make(chan error, 1)
	go func() {
		done <- await(ctx, clock, func() ([]slo.Change, error) { return look(clock.Since(start)) })
	}()
	for {
		waiting := make(chan error, 1)
		stop, cancel := context.WithCancel(t.Context())
		go func() { waiting <- clock.BlockUntilContext(stop, 1) }()
		select {
		case err := <-done:
			cancel()
			return clock.Since(start), err
		case <-waiting:
			cancel()
			clock.Advance(300 * time.Millisecond)
		}
	}
}

func TestADifferenceThatPassesSettles(t *testing.T) {
	since, err := awaited(t, t.Context(), func(since time.Duration) ([]slo.Change, error) {
		switch {
		case since < 3*time.Second:
			return oneChange, nil
		case since < 5*time.Second:
			return nil, errLook
		}
		return nil, nil
	})
	if err != nil || since < 5*time.Second || since > 6*time.Second {
		t.Errorf("%v after %v", err, since)
	}
}

func TestADifferenceThatLastsIsOneWithWhatWasLastSeen(t *testing.T) {
	since, err := awaited(t, t.Context(), func(since time.Duration) ([]slo.Change, error) {
		return []slo.Change{{Node: "n1", Object: fmt.Sprint(since.Truncate(10 * time.Second))}}, nil
	})
	var different *DifferentError
	if !errors.As(err, &different) || len(different.Changes) != 1 || different.Changes[0].Object != "20s" || since < settleWithin || since > settleWithin+time.Second {
		t.Errorf("%v after %v", err, since)
	}
}

func TestALookThatNeverSucceedsIsItsErrorAndNoDifference(t *testing.T) {
	since, err := awaited(t, t.Context(), func(time.Duration) ([]slo.Change, error) { return nil, errLook })
	var different *DifferentError
	if !errors.Is(err, errLook) || errors.As(err, &different) || since < settleWithin {
		t.Errorf("%v after %v", err, since)
	}
	// What was seen before does not stand for what cannot be seen at the end, and is none either.
	_, err = awaited(t, t.Context(), func(since time.Duration) ([]slo.Change, error) {
		if since < settleWithin {
			return oneChange, nil
		}
		return nil, errLook
	})
	if !errors.Is(err, errLook) {
		t.Errorf("%v", err)
	}
}

func TestAProofEndsWithItsContextAndGivesTheCause(t *testing.T) {
	cause := errors.New("not within 3 minutes")
	for name, look := range map[string]func(ctx context.Context, cancel context.CancelCauseFunc) ([]slo.Change, error){
		"while it waits": func(_ context.Context, cancel context.CancelCauseFunc) ([]slo.Change, error) {
			cancel(cause)
			return oneChange, nil
		},
		"while it looks": func(ctx context.Context, cancel context.CancelCauseFunc) ([]slo.Change, error) {
			cancel(cause)
			return nil, fmt.Errorf("get pods: %w", ctx.Err())
		},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		if _, err := awaited(t, ctx, func(time.Duration) ([]slo.Change, error) { return look(ctx, cancel) }); !errors.Is(err, cause) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestADifferentErrorNamesTheFirstAndCountsTheRest(t *testing.T) {
	var many []slo.Change
	for n := range 6 {
		many = append(many, slo.Change{Kind: slo.Added, Node: "n1", Object: fmt.Sprintf("file/etc/%d", n)})
	}
	text := (&DifferentError{many}).Error()
	if !strings.Contains(text, "file/etc/3") || strings.Contains(text, "file/etc/4") || !strings.HasSuffix(text, "and 2 more") {
		t.Errorf("%s", text)
	}
	if text := (&DifferentError{many[:4]}).Error(); strings.Contains(text, "more") {
		t.Errorf("%s", text)
	}
}
