package journal

import (
	"fmt"
	"strings"
)

// IncompleteError says what a revert could not undo. It holds no preimage.
type IncompleteError struct {
	Journal string // path of the journal, which still holds the preimages
	Cluster string
	Failed  []Failure
	Lost    []string // entries of the journal that cannot be read any more
	Cause   error    // why none of its inverses could be begun with
	Pending int      // how many those are
}

// Failure is one inverse that could not be applied or proven.
type Failure struct {
	Seq    uint64
	What   string // the inverse, without its preimage
	Err    error
	ByHand string // what a person can do instead, as a command line
}

func failure(journal string, n numbered, cause error) Failure {
	fail := Failure{Seq: n.Seq, What: n.String(), Err: cause}
	if op, err := lookup(n.Op); err == nil {
		fail.ByHand = op.byHand(journal, n.Seq, n.Inverse)
	}
	return fail
}

func (e *IncompleteError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "revert of %s incomplete, `nov30 sweep` tries again:", e.Journal)
	if e.Cause != nil {
		fmt.Fprintf(&b, "\n- none of its %d inverses could be applied: %v", e.Pending, e.Cause)
		fmt.Fprintf(&b, "\n  by hand: mend that and run `nov30 sweep`, or delete cluster %s, then the journal", e.Cluster)
	}
	for _, f := range e.Failed {
		fmt.Fprintf(&b, "\n- %s: %v", f.What, f.Err)
		if f.ByHand != "" {
			fmt.Fprintf(&b, "\n  by hand: %s", f.ByHand)
		}
	}
	for _, lost := range e.Lost {
		fmt.Fprintf(&b, "\n- %s: what it would have undone is unknown", lost)
	}
	if len(e.Lost) > 0 {
		fmt.Fprintf(&b, "\n  by hand: delete cluster %s, then the journal", e.Cluster)
	}
	return b.String()
}

// Unwrap gives the causes.
func (e *IncompleteError) Unwrap() []error {
	var causes []error
	if e.Cause != nil {
		causes = append(causes, e.Cause)
	}
	for _, f := range e.Failed {
		causes = append(causes, f.Err)
	}
	return causes
}
