package tool

import (
	"slices"
	"strings"
)

// culprits is the one list of what a finding can blame. A name that ends in @ takes a node's name behind it.
var culprits = []string{
	"etcd/server", "etcd/peer", "etcd/healthcheck-client", "etcd/ca",
	"apiserver", "apiserver-etcd-client", "apiserver-kubelet-client", "front-proxy-client", "front-proxy-ca", "ca",
	"controller-manager", "scheduler", "admin", "super-admin", "kubelet-client@", "kubelet-serving@",
	"clock@", "dns/resolved@", "dns/upstream", "dns/coredns", "kubelet-version@", "authorizer", "istio/root",
	"node@", "api",
}

// Culprits lists what a finding can blame; NODE stands for a node's name.
func Culprits() []string {
	var list []string
	for _, c := range culprits {
		if strings.HasSuffix(c, "@") {
			c += "NODE"
		}
		list = append(list, c)
	}
	return list
}

// ValidCulprit tells whether a finding may blame that.
func ValidCulprit(c string) bool {
	head, node, perNode := strings.Cut(c, "@")
	if !perNode {
		return slices.Contains(culprits, c)
	}
	return slices.Contains(culprits, head+"@") && node != "" && strings.Trim(node, "abcdefghijklmnopqrstuvwxyz0123456789.-") == ""
}
