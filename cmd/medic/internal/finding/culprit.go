package finding

import "strings"

// The culprits that medic can name. The heads have the name of a node behind them.
const (
	EtcdCA             = "etcd/ca"
	CA                 = "ca"
	FrontProxyCA       = "front-proxy-ca"
	EtcdServer         = "etcd/server"
	EtcdPeer           = "etcd/peer"
	EtcdHealthcheck    = "etcd/healthcheck-client"
	APIServerEtcd      = "apiserver-etcd-client"
	APIServer          = "apiserver"
	APIServerKubelet   = "apiserver-kubelet-client"
	FrontProxyClient   = "front-proxy-client"
	ControllerManager  = "controller-manager"
	Scheduler          = "scheduler"
	Admin              = "admin"
	SuperAdmin         = "super-admin"
	API                = "api" // the API does not answer and nothing explains it
	kubeletClientHead  = "kubelet-client@"
	kubeletServingHead = "kubelet-serving@"
	nodeHead           = "node@"
)

// KubeletClient is the culprit for the certificate by which a node's kubelet makes itself known to the API.
func KubeletClient(node string) string { return kubeletClientHead + node }

// KubeletServing is the culprit for the certificate that a node's kubelet serves on port 10250.
func KubeletServing(node string) string { return kubeletServingHead + node }

// Node is the culprit for a node whose lease is stale or that cannot be reached.
func Node(node string) string { return nodeHead + node }

// causal lists the culprits from cause to effect.
var causal = []string{
	EtcdCA, CA, FrontProxyCA, EtcdServer, EtcdPeer, EtcdHealthcheck, APIServerEtcd, APIServer, APIServerKubelet,
	FrontProxyClient, ControllerManager, Scheduler, Admin, SuperAdmin, kubeletClientHead, kubeletServingHead, nodeHead, API,
}

// rank is the place of a culprit among causes; one that is not in the list comes last.
func rank(culprit string) int {
	if i := strings.IndexByte(culprit, '@'); i >= 0 {
		culprit = culprit[:i+1]
	}
	for i, c := range causal {
		if c == culprit {
			return i
		}
	}
	return len(causal)
}
