package heal

import (
	"crypto/x509"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/cmd/medic/internal/finding"
	"github.com/nov30/nov30/cmd/medic/internal/inventory"
	"github.com/nov30/nov30/cmd/medic/internal/judge"
	"github.com/nov30/nov30/cmd/medic/internal/kubeapi"
	"github.com/nov30/nov30/cmd/medic/internal/look"
	"github.com/nov30/nov30/cmd/medic/internal/target"
	"github.com/nov30/nov30/cmd/medic/internal/testpki"
)

func TestControlPlanesMustHaveTheSameAuthority(t *testing.T) {
	now := time.Now()
	life := testpki.Life{From: now.Add(-time.Hour), To: now.Add(time.Hour)}
	ca := testpki.NewAuthority(t, "etcd-ca", life)
	node := func(name string, p *testpki.Pair) *nodeRun {
		return &nodeRun{node: target.Node{Name: name}, files: []inventory.File{{Culprit: finding.EtcdCA, Certs: []*x509.Certificate{p.Cert}}}}
	}
	for name, c := range map[string]struct {
		second *testpki.Pair
		says   string
	}{
		"the same": {ca, ""}, "re-signed with the same key": {ca.Again(t, life), ""},
		"another": {testpki.NewAuthority(t, "etcd-ca", life), "b has another etcd/ca than a. R2"},
	} {
		r := &run{h: &Healer{Clock: clockwork.NewFakeClockAt(now)}, nodes: []*nodeRun{node("a", ca), node("b", c.second)}}
		err := r.sameAuthority(finding.EtcdCA)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHealthNeedsACompleteSnapshotWithNothingAgainstIt(t *testing.T) {
	now := time.Now()
	seen := func(code int) look.Snapshot {
		return look.Snapshot{Began: now, API: look.Result[kubeapi.Status]{Began: now, At: now, Value: kubeapi.Status{Code: code}}}
	}
	critical := []finding.Finding{{Severity: finding.Critical, Kind: finding.CertExpired, Culprit: finding.CA}}
	old := seen(http.StatusOK)
	old.API.Began = now.Add(-time.Second)
	for name, c := range map[string]struct {
		s       look.Snapshot
		v       judge.Verdict
		healthy bool
	}{
		"nothing against it":   {seen(http.StatusOK), judge.Verdict{}, true},
		"a warning":            {seen(http.StatusOK), judge.Verdict{Findings: []finding.Finding{{Severity: finding.Warning, Kind: finding.CertExpiring}}}, true},
		"an older look":        {old, judge.Verdict{}, false},
		"a critical finding":   {seen(http.StatusOK), judge.Verdict{Findings: critical}, false},
		"a critical doubt":     {seen(http.StatusOK), judge.Verdict{Doubts: critical}, false},
		"a mute port":          {seen(http.StatusOK), judge.Verdict{Doubts: []finding.Finding{{Severity: finding.Warning, Kind: finding.Unreachable}}}, false},
		"something not looked": {seen(http.StatusOK), judge.Verdict{Blind: []string{"x"}}, false},
		"not ready":            {seen(http.StatusTooManyRequests), judge.Verdict{}, false},
		"no data at all":       {look.Snapshot{}, judge.Verdict{}, false},
	} {
		if err := unhealthy(c.s, c.v); (err == nil) != c.healthy {
			t.Errorf("%s: %v", name, err)
		}
	}
}
