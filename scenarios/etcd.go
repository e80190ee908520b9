package scenarios

import (
	"time"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/harness/fault"
	"github.com/nov30/nov30/harness/probe"
	"github.com/nov30/nov30/harness/slo"
)

// etcdServing is what a repair of etcd must have renewed: all three certificates, on disk and as they are served. One of them
// alone brings the API back too, until the others are asked for (T10, T11).
var etcdServing = []string{"/etc/kubernetes/pki/etcd/server.crt", "/etc/kubernetes/pki/etcd/peer.crt",
	"/etc/kubernetes/pki/etcd/healthcheck-client.crt", "served 2379", "served 2380"}

// etcdCertsExpired is the first cause of the night as it struck: etcd's certificates are over and nothing holds on to an
// old connection any more.
var etcdCertsExpired = experiment.Scenario{
	Name: "etcd-certs-expired",
	Story: "etcd's server, peer and healthcheck-client certificates ended a minute ago and the API server has to reconnect: " +
		"it never comes back. The site still answers, because its pods need no API.",
	Labels:  []string{"cause:etcd", "tier:pr", "row:T01", "row:T04", "row:T05"},
	Faults:  []fault.Fault{fault.ExpireEtcdCerts{Cut: true}},
	Expect:  slo.Effect{Kind: slo.Outage},
	Symptom: fault.APIServerRefusesExpiredEtcd(),
	Culprit: "etcd/server",
	Also:    []string{"etcd/peer", "etcd/healthcheck-client"},
	Red:     []string{probe.NameAPI, probe.NameWrite, probe.NameSchedule, probe.NameNodes},
	SLO: []slo.Objective{
		{Metric: slo.Detect, Max: 5 * time.Second},
		{Metric: slo.Heal, Max: 20 * time.Second},
		{Metric: slo.Recover, Max: 60 * time.Second},
	},
	Timeout: 2 * time.Minute,
	Renewed: etcdServing,
}

// etcdCertsExpiredLatent is what a monitoring that reuses its connections does not see: everything is expired and
// everything works, until something reconnects.
var etcdCertsExpiredLatent = experiment.Scenario{
	Name: "etcd-certs-expired-latent",
	Story: "etcd's certificates are over, but the API lives on connections it opened before. Whoever looks with a new one " +
		"sees it; a pass is a repair before any outage, proven by cutting the connections afterwards.",
	Labels:  []string{"cause:etcd", "tier:pr", "row:T01"},
	Faults:  []fault.Fault{fault.ExpireEtcdCerts{}},
	Expect:  slo.Effect{Kind: slo.ExpectWarn},
	Symptom: fault.EtcdRefusesExpiredClient(),
	Culprit: "etcd/server",
	Also:    []string{"etcd/peer", "etcd/healthcheck-client"},
	SLO: []slo.Objective{
		{Metric: slo.Detect, Max: 5 * time.Second},
		{Metric: slo.Heal, Max: 20 * time.Second},
	},
	Timeout: 2 * time.Minute,
	Renewed: etcdServing,
}

// etcdCertsExpiredRebooted is the first repair of the night, which made things worse: operators restart a machine while
// the API is dead, and its pods do not come back.
var etcdCertsExpiredRebooted = experiment.Scenario{
	Name: "etcd-certs-expired-rebooted",
	Story: "The API is dead by etcd's expired certificates, then operators restart the worker: kubelet has nobody to ask " +
		"for its pods, nginx answers 502, and the site comes back only through the repair.",
	Labels:  []string{"cause:etcd", "tier:nightly", "row:T09", "row:T11"},
	Faults:  []fault.Fault{fault.ExpireEtcdCerts{Cut: true}, fault.RestartNode{Role: cluster.Worker}},
	Expect:  slo.Effect{Kind: slo.Outage},
	Symptom: fault.APIServerRefusesExpiredEtcd(),
	Culprit: "etcd/server",
	Also:    []string{"etcd/peer", "etcd/healthcheck-client"},
	Red:     []string{probe.NameAPI, probe.NameWrite, probe.NameSchedule, probe.NameNodes, probe.NameSite},
	Says:    map[string]string{probe.NameSite: "status 502"}, // T11: nginx reports 502
	SLO: []slo.Objective{
		{Metric: slo.Detect, Max: 5 * time.Second},
		{Metric: slo.Heal, Max: 20 * time.Second},
		{Metric: slo.Recover, Max: 2 * time.Minute},
	},
	Timeout: 3 * time.Minute,
	Renewed: etcdServing,
}
