package finding

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOrderPutsCausesFirst(t *testing.T) {
	want := []Finding{
		{Severity: Critical, Kind: CertExpired, Culprit: EtcdCA},
		{Severity: Critical, Kind: CertExpired, Culprit: EtcdServer},
		{Severity: Critical, Kind: CertExpired, Culprit: EtcdPeer},
		{Severity: Critical, Kind: CertExpired, Culprit: EtcdHealthcheck},
		{Severity: Critical, Kind: CertExpired, Culprit: APIServerEtcd},
		{Severity: Critical, Kind: CertExpired, Culprit: APIServer},
		{Severity: Critical, Kind: CertExpired, Culprit: KubeletClient("a"), Node: "a"},
		{Severity: Critical, Kind: CertExpired, Culprit: KubeletClient("b"), Node: "b"},
		{Severity: Critical, Kind: LeaseStale, Culprit: Node("a"), Node: "a"},
		{Severity: Critical, Kind: APIDown, Culprit: API},
		{Severity: Warning, Kind: CertExpiring, Culprit: EtcdCA},
		{Severity: Warning, Kind: CertExpired, Culprit: "pki/other"},
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	Order(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestMergeJoinsEvidenceAndKeepsTheHigherSeverity(t *testing.T) {
	a := Finding{Warning, CertExpired, EtcdServer, "cp", "on disk"}
	b := Finding{Critical, CertExpired, EtcdServer, "cp", "on the wire"}
	other := Finding{Critical, CertExpired, EtcdServer, "cp2", "on disk"}
	got := Merge([]Finding{a, b, a, other})
	want := []Finding{{Critical, CertExpired, EtcdServer, "cp", "on disk; on the wire"}, other}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// lines counts the writes, each of which must be one whole line.
type lines struct {
	t   *testing.T
	all []Finding
}

func (l *lines) Write(p []byte) (int, error) {
	var f Finding
	if !bytes.HasSuffix(p, []byte("\n")) || bytes.Count(p, []byte("\n")) != 1 || json.Unmarshal(p, &f) != nil {
		l.t.Errorf("not one JSON line: %q", p)
	}
	l.all = append(l.all, f)
	return len(p), nil
}

func TestPrinterRepeatsOnlyWhatChangedOrIsTenSecondsOld(t *testing.T) {
	at := time.Unix(1000, 0)
	f := Finding{Critical, CertExpired, EtcdServer, "cp", "e"}
	g := f
	g.Evidence = "e2"
	l := &lines{t: t}
	p := NewPrinter(l)
	for _, round := range []struct {
		after time.Duration
		fs    []Finding
		want  int // lines printed in all
	}{
		{0, nil, 0}, {1, []Finding{f}, 1}, {2, []Finding{f}, 1}, {10, []Finding{f}, 1}, {11, []Finding{f}, 2},
		{12, []Finding{g}, 3}, {13, []Finding{g}, 3}, {14, nil, 3}, {15, []Finding{g}, 4},
	} {
		if err := p.Round(at.Add(round.after*time.Second), round.fs); err != nil {
			t.Fatal(err)
		}
		if len(l.all) != round.want {
			t.Fatalf("after %d s: %d lines, want %d", round.after, len(l.all), round.want)
		}
	}
}

func TestFindingIsALineOfTheToolContract(t *testing.T) {
	var out strings.Builder
	if err := NewPrinter(&out).Round(time.Unix(1, 0), []Finding{{Critical, CertExpired, EtcdServer, "cp", "x"}}); err != nil {
		t.Fatal(err)
	}
	want := `{"severity":"critical","kind":"cert-expired","culprit":"etcd/server","node":"cp","evidence":"x"}` + "\n"
	if out.String() != want {
		t.Errorf("got %s", out.String())
	}
}

type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestPrinterReportsThatNobodyListens(t *testing.T) {
	if NewPrinter(closedPipe{}).Round(time.Unix(1, 0), []Finding{{Culprit: CA}}) == nil {
		t.Error("no error from a closed pipe")
	}
}

func TestTableNamesEveryFinding(t *testing.T) {
	var out strings.Builder
	if err := Table(&out, []Finding{{Critical, APIDown, API, "", "connection refused"}}); err != nil {
		t.Fatal(err)
	}
	if fields := strings.Fields(strings.Split(out.String(), "\n")[1]); !slices.Equal(fields, []string{"critical", "api-down", "api", "-", "connection", "refused"}) {
		t.Errorf("got %q", out.String())
	}
}
