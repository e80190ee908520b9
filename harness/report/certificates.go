package report

import (
	"github.com/nov30/nov30/harness/slo"
)

// certificatesMax is how many certificates of an arm are shown.
const certificatesMax = 60

// seenAt are the moments at which certificates are looked at.
var seenAt = []string{slo.SnapshotHealthy, slo.SnapshotBroken, slo.SnapshotEnd}

// lives is one certificate through an arm; a moment at which it was not looked at has no event.
type lives struct {
	name string
	at   map[string]slo.Event
}

// certificates are the certificates seen in an arm, in the order of the record; more is how many are left out.
func certificates(r slo.Record) (list []lives, more int) {
	index := map[string]int{}
	for _, e := range r.Events {
		if e.Kind != slo.CertificateSeen {
			continue
		}
		i, ok := index[e.Name]
		if !ok {
			i = len(list)
			index[e.Name] = i
			list = append(list, lives{name: e.Name, at: map[string]slo.Event{}})
		}
		list[i].at[e.Detail] = e
	}
	if more = len(list) - certificatesMax; more > 0 {
		return list[:certificatesMax], more
	}
	return list, 0
}

// serial is what a certificate's serial was at a moment; empty: it is not known.
func (l lives) serial(when string) string {
	if c := l.at[when].Certificate; c != nil {
		return c.Serial
	}
	return ""
}

// became says what happened to a certificate, by its serials.
func (l lives) became() string {
	healthy, broken, end := l.serial(slo.SnapshotHealthy), l.serial(slo.SnapshotBroken), l.serial(slo.SnapshotEnd)
	switch {
	case end == "":
		return "not read at the end"
	case end == healthy && (broken == "" || broken == healthy):
		return "unchanged"
	case end == healthy:
		return "the old one put back"
	case end == broken:
		return "still the one of the fault"
	case healthy == "":
		return "not read before"
	}
	return "renewed"
}

// life writes one sight of a certificate: its serial, from when to when it is valid, and what is wrong with it.
func (l lives) life(when string) (serial, valid, wrong string) {
	e, ok := l.at[when]
	if !ok {
		return "not looked at", "", ""
	}
	if wrong = plain(e.Error, textShown); wrong == "" && !e.OK {
		wrong = "not valid"
	}
	if e.Certificate == nil {
		return "not read", "", wrong
	}
	const date = "2006-01-02 15:04:05"
	c := *e.Certificate
	return plain(c.Serial, nameMax), c.NotBefore.UTC().Format(date) + " to " + c.NotAfter.UTC().Format(date), wrong
}
