package report

import (
	"strconv"
	"strings"

	"github.com/nov30/nov30/harness/redact"
	"github.com/nov30/nov30/harness/slo"
)

// How much of what a tool changed is shown: changes of one judgement in one arm, lines of a diff, characters of a line.
const (
	changesMax   = 40
	diffLinesMax = 40
	diffLineMax  = 200
)

// judgements are the judgements of changes in the order in which they are shown.
var judgements = []struct {
	state slo.ChangeState
	title string
}{
	{slo.Vandalism, "Vandalism"},
	{slo.Permitted, "Allowed by the scenario"},
	{slo.RenewedOnly, "Renewed"},
}

// changesOf are the changes of an arm with a judgement. One of no known judgement counts as vandalism: it must not pass
// for anything better.
func changesOf(v slo.Verdict, a slo.Arm, s slo.ChangeState) []slo.ChangeResult {
	var list []slo.ChangeResult
	for _, c := range v.Changes {
		known := c.State == slo.Permitted || c.State == slo.RenewedOnly
		if c.Arm == a && (c.State == s || s == slo.Vandalism && !known) {
			list = append(list, c)
		}
	}
	return list
}

// compared says whether the cluster at the end of an arm was compared with the healthy one.
func compared(r slo.Record) bool {
	taken := map[string]bool{}
	for _, e := range r.Events {
		if e.Kind == slo.Snapshot {
			taken[e.Name] = e.OK
		}
	}
	return taken[slo.SnapshotHealthy] && taken[slo.SnapshotEnd]
}

// examined says whether an arm asks what the tool changed.
func examined(r slo.Record) bool {
	return r.Spec.Exam && (r.Arm == slo.Sham || r.Arm == slo.Treated && !r.Spec.DetectOnly)
}

// unchanged says what it means that an arm has no change; empty: nobody asks.
func unchanged(r slo.Record) string {
	switch {
	case !examined(r):
		return ""
	case compared(r):
		return "The tool changed nothing."
	}
	return "What the tool changed is not known: the cluster was not compared with the healthy one."
}

// vandalism counts the changes that no repair needs. Where an arm was not compared there may be more than were seen.
func vandalism(v slo.Verdict, arms map[slo.Arm]slo.Record) string {
	n, all := 0, true
	for _, a := range armOrder {
		n += len(changesOf(v, a, slo.Vandalism))
	}
	some := false
	for _, r := range arms {
		if examined(r) {
			some, all = true, all && compared(r)
		}
	}
	switch {
	case some && all:
		return strconv.Itoa(n)
	case n > 0:
		return strconv.Itoa(n) + " or more"
	}
	return "not compared"
}

// where names a changed object, with its node if it has one.
func where(c slo.Change) string {
	if c.Node == "" {
		return plain(c.Object, textShown)
	}
	return plain(c.Node, nameMax) + ": " + plain(c.Object, textShown)
}

// diff is the text of a diff in lines that are bounded, print, and hold no secret; more is how many are left out.
func diff(text string) (lines []string, more int) {
	text = strings.Trim(redact.String(strings.ToValidUTF8(text, "?")), "\n")
	if text == "" {
		return nil, 0
	}
	all := strings.Split(text, "\n")
	if more = len(all) - diffLinesMax; more > 0 {
		all = all[:diffLinesMax]
	}
	for _, l := range all {
		lines = append(lines, clipped(printable(l), diffLineMax))
	}
	return lines, max(0, more)
}
