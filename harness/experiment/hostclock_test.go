package experiment

import (
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/jonboulle/clockwork"
)

// set is a clock that shows a time of the test's choice, its monotonic reading included.
type set struct {
	clockwork.Clock
	now *time.Time
}

func (s set) Now() time.Time { return *s.now }

// moveWall moves the wall reading of a time by whole seconds and leaves the monotonic one. Package time has no way to do
// that; its representation (seconds from bit 30 of the first word) is proven here before it is relied upon.
func moveWall(t *testing.T, at time.Time, seconds int64) time.Time {
	t.Helper()
	moved := at
	*(*uint64)(unsafe.Pointer(&moved)) += uint64(seconds) << 30
	want := time.Duration(seconds) * time.Second
	if moved.Sub(at) != 0 || moved.Round(0).Sub(at.Round(0)) != want {
		t.Skip("package time represents a time in another way")
	}
	return moved
}

func TestAHostClockThatWasMovedIsNoticedEitherWay(t *testing.T) {
	for seconds, ok := range map[int64]bool{0: true, 1: true, 2: false, -1: true, -2: false, 3600: false, -365 * 24 * 3600: false} {
		now := time.Now()
		h := watchHostClock(set{clockwork.NewRealClock(), &now})
		now = moveWall(t, now.Add(4*time.Minute), seconds)
		err := h.check()
		if (err == nil) != ok {
			t.Errorf("moved by %d s: %v", seconds, err)
		}
		if want := (time.Duration(seconds) * time.Second).String(); err != nil && !strings.Contains(err.Error(), "moved by "+want+" ") {
			t.Errorf("%v does not say %s", err, want)
		}
	}
}

func TestAClockThatOnlyRunsOnHasNotMoved(t *testing.T) {
	if err := watchHostClock(clockwork.NewRealClock()).check(); err != nil {
		t.Error(err)
	}
}
