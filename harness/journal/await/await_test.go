package await_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/journal/await"
)

var errNotYet = errors.New("not yet")

func TestUntilAsksAgainUntilItIsSo(t *testing.T) {
	clock := clockwork.NewFakeClock()
	asked := 0
	err := await.Until(t.Context(), clock, time.Second, time.Hour, func(context.Context) error {
		if asked++; asked == 3 {
			return nil
		}
		clock.Advance(time.Second)
		return errNotYet
	})
	if err != nil || asked != 3 {
		t.Errorf("asked %d times, %v; want 3 times and no error", asked, err)
	}
}

func TestUntilCarriesTheLastAnswerWhenTimeRunsOut(t *testing.T) {
	clock := clockwork.NewFakeClock()
	err := await.Until(t.Context(), clock, time.Hour, time.Minute, func(context.Context) error {
		clock.Advance(time.Minute)
		return errNotYet
	})
	if !errors.Is(err, errNotYet) {
		t.Errorf("got %v, want %v", err, errNotYet)
	}
}

func TestUntilEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := await.Until(ctx, clockwork.NewFakeClock(), time.Hour, 2*time.Hour, func(context.Context) error {
		cancel()
		return errNotYet
	})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, errNotYet) {
		t.Errorf("got %v, want both the cancellation and the last answer", err)
	}
}

func TestUntilEndsAHangingCheck(t *testing.T) {
	err := await.Until(t.Context(), clockwork.NewRealClock(), time.Hour, 20*time.Millisecond, func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
}
