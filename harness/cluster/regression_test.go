package cluster

import (
	"strings"
	"testing"
)

func TestACAThatIsNoCertificateIsNoIdentity(t *testing.T) {
	c := ourConfig()
	c.Clusters[ours].CertificateAuthorityData = []byte("nothing")
	if id, err := identity(c, ours); err == nil {
		t.Errorf("got %+v", id)
	}
	answers := engineOfOurs()
	answers["exec"] = "echo nothing"
	p, path, _ := opener(t, c, answers)
	if k, err := p.Open(t.Context(), path, ""); err == nil {
		t.Errorf("opened %s", k.Name())
	}
}

func TestAFailureBeforeAnyNodePromisesNoLogs(t *testing.T) {
	p, _ := fakeEngine(t, nothingThere)
	_, err := p.Create(t.Context(), Options{Name: "nov30-a", Dir: t.TempDir()})
	if strings.Contains(err.Error(), "logs are in") {
		t.Errorf("got %v", err)
	}
}
