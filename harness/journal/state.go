package journal

import (
	"fmt"
	"slices"
)

type numbered struct {
	Seq uint64
	Inverse
}

// state is what the entries read so far amount to.
type state struct {
	meta     *Meta
	inverses []numbered        // oldest first
	applied  map[uint64]uint64 // inverse -> its newest Applied marker
	last     uint64            // highest sequence number seen
	lost     []string          // what cannot be read any more
}

func newState(d decoded) *state {
	s := &state{applied: map[uint64]uint64{}}
	seen := map[uint64]bool{}
	for _, e := range d.entries {
		if e.Seq > 0 && seen[e.Seq] {
			s.lost = append(s.lost, fmt.Sprintf("entry %d occurs twice", e.Seq))
		}
		seen[e.Seq] = true
		s.add(e)
	}
	for seq := uint64(1); seq < s.last; seq++ {
		if !seen[seq] {
			s.lost = append(s.lost, fmt.Sprintf("entry %d is damaged", seq))
			if len(s.lost) >= 100 {
				break // a sequence number out of all proportion
			}
		}
	}
	if d.cut {
		s.lost = append(s.lost, fmt.Sprintf("what followed entry %d is damaged", s.last))
	}
	return s
}

func (s *state) add(e entry) {
	switch {
	case e.Meta != nil:
		s.meta = e.Meta
	case e.Inverse != nil:
		s.inverses = append(s.inverses, numbered{e.Seq, *e.Inverse})
	case e.Applied != nil:
		s.applied[*e.Applied] = e.Seq
	}
	s.last = max(s.last, e.Seq)
}

// pending lists the inverses that must still be applied, newest first. One whose target an older inverse has taken
// further back meanwhile is left out: applying it now would undo the undoing.
func (s *state) pending() []numbered {
	var open []numbered
	for _, n := range slices.Backward(s.inverses) {
		if _, done := s.applied[n.Seq]; !done && !s.superseded(n) {
			open = append(open, n)
		}
	}
	return open
}

// superseded says whether an older inverse of the same target was applied after n was written.
func (s *state) superseded(n numbered) bool {
	for _, older := range s.inverses {
		marker, done := s.applied[older.Seq]
		if done && older.Seq < n.Seq && n.Seq < marker && older.target() == n.target() {
			return true
		}
	}
	return false
}
