package scenarios

import (
	"time"

	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/harness/fault"
	"github.com/nov30/nov30/harness/probe"
	"github.com/nov30/nov30/harness/slo"
)

// Look-alikes are states in which a tool must not raise a critical finding for the wrong thing. In the first three there
// is nothing to find.

// etcdCertsEndTomorrow is what the night looked like the day before.
var etcdCertsEndTomorrow = experiment.Scenario{
	Name: "etcd-certs-end-tomorrow",
	Story: "etcd's server, peer and healthcheck-client certificates end tomorrow, and today everything works. A tool may warn " +
		"of them; who calls it an outage wakes people for nothing, and repairs what is not broken.",
	Labels: []string{"cause:etcd", "tier:pr", "look-alike", "row:T01"},
	Faults: []fault.Fault{fault.EndEtcdCertsTomorrow{}},
	Expect: slo.Effect{Kind: slo.ExpectNone},
	Hold:   20 * time.Second,
}

// etcdCAResigned is a renewal of a CA done right, which shows in every comparison of serials, dates and checksums.
var etcdCAResigned = experiment.Scenario{
	Name: "etcd-ca-resigned",
	Story: "etcd's CA was signed again with the same key and subject: a new serial and new dates, and whatever it had signed " +
		"stays valid. A tool that compares files instead of verifying chains sees an unknown authority.",
	Labels: []string{"cause:etcd", "tier:nightly", "look-alike"},
	Faults: []fault.Fault{fault.ResignEtcdCA{}},
	Expect: slo.Effect{Kind: slo.ExpectNone},
	Hold:   20 * time.Second,
}

// apiSlow is a machine with too much to do.
var apiSlow = experiment.Scenario{
	Name: "api-slow",
	Story: "The API server answers everything correctly, and some tenths of a second late, as on a starved machine. A tool whose " +
		"patience is shorter than that takes it for dead.",
	Labels: []string{"cause:etcd", "tier:nightly", "look-alike"},
	Faults: []fault.Fault{fault.SlowAPIServer{}},
	Expect: slo.Effect{Kind: slo.ExpectNone},
	Hold:   20 * time.Second,
	Allow:  []slo.Allowed{{Object: "unit/nov30-slow.service", Kinds: []slo.ChangeKind{slo.Added}}},
}

// apiServerGone looks like the night to whoever only asks the API, and has nothing to do with certificates.
var apiServerGone = experiment.Scenario{
	Name: "apiserver-gone",
	Story: "Somebody has taken kube-apiserver.yaml out of the manifests and not put it back. The API is as dead as in the " +
		"night, but etcd is well and every certificate is valid: renewing them repairs nothing.",
	Labels:     []string{"cause:etcd", "tier:nightly", "look-alike"},
	Faults:     []fault.Fault{fault.RemoveAPIServer{}},
	Expect:     slo.Effect{Kind: slo.Outage},
	Symptom:    fault.KubeletMissesAPIServer(),
	Culprit:    "api",
	Also:       []string{"apiserver"},
	Red:        []string{probe.NameAPI, probe.NameWrite, probe.NameSchedule, probe.NameNodes},
	SLO:        []slo.Objective{{Metric: slo.Detect, Max: 5 * time.Second}},
	DetectOnly: true,
	Allow:      []slo.Allowed{{Object: "/etc/kubernetes/manifests/kube-apiserver.yaml", Kinds: []slo.ChangeKind{slo.Removed}}},
}
