package fault

import "github.com/nov30/nov30/harness/cluster"

// expiredText is crypto/x509's text for an expired certificate. Without it a symptom would also be seen where a client
// shows no certificate at all, which etcd refuses on any day.
const expiredText = `certificate has expired or is not yet valid`

// EtcdRefusesExpiredClient is etcd's log refusing a client whose certificate has expired. It is provoked by one new
// connection with healthcheck-client.crt, because in the latent phase nothing else makes one.
func EtcdRefusesExpiredClient() Symptom {
	return Symptom{
		Name: "etcd-refuses-expired-client", Node: cluster.ControlPlane,
		Files:   "/var/log/pods/kube-system_etcd-*/etcd/*.log*",
		Pattern: `rejected connection on client endpoint.*` + expiredText,
		Provoke: []string{"timeout", "5", "openssl", "s_client", "-connect", "127.0.0.1:" + etcdClientPort,
			"-cert", etcdPKI + "healthcheck-client.crt", "-key", etcdPKI + "healthcheck-client.key"},
	}
}

// APIServerRefusesExpiredEtcd is the API server's log refusing etcd because its certificate has expired, at a reconnect.
func APIServerRefusesExpiredEtcd() Symptom {
	return Symptom{
		Name: "apiserver-refuses-expired-etcd", Node: cluster.ControlPlane,
		Files:   "/var/log/pods/kube-system_kube-apiserver-*/kube-apiserver/*.log*",
		Pattern: `authentication handshake failed.*` + expiredText,
	}
}

// KubeletMissesAPIServer is kubelet's log telling that the API server's mirror pod, whose manifest is gone, cannot be
// deleted because the API does not answer. At its default verbosity kubelet says nothing of the removal itself.
func KubeletMissesAPIServer() Symptom {
	return Symptom{
		Name: "kubelet-misses-apiserver", Node: cluster.ControlPlane,
		Command: []string{"journalctl", "--unit=kubelet", "--no-pager", "--output=short-precise"},
		Pattern: `"Failed deleting a mirror pod".*connection refused.*pod="kube-system/` + apiServer + `-`,
	}
}
