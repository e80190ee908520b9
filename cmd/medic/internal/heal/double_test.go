package heal_test

import (
	"testing"

	"github.com/nov30/nov30/cmd/medic/internal/testcluster"
	"github.com/nov30/nov30/cmd/medic/internal/testpki"
)

// Every test here has a part that lies, fails or is missing. Heal must not call the cluster healthy.

func dead(t *testing.T) *testcluster.Cluster {
	t.Parallel()
	c := testcluster.New(t)
	expireEtcd(c)
	c.Cut()
	return c
}

func TestKubeadmThatOnlySaysThatItRenewed(t *testing.T) {
	c := dead(t)
	c.Program(cp, "kubeadm", "#!/bin/sh\necho certificate renewed\n")
	fails(t, c, "R3", "still the old certificate")
	if c.Restarts() != 0 {
		t.Error("the kubelet was restarted all the same")
	}
}

func TestKubeadmThatFails(t *testing.T) {
	c := dead(t)
	c.Program(cp, "kubeadm", "#!/bin/sh\necho no such CA >&2\nexit 1\n")
	fails(t, c, "R3", "no such CA", "by hand: kubeadm certs renew")
}

func TestKubeadmThatSignsWithAnotherAuthority(t *testing.T) {
	c := dead(t)
	c.RenewedBy("etcd/peer", c.CA.Issue(t, "etcd/peer", c.Valid(), testcluster.Address))
	fails(t, c, "R3", "etcd-peer: the new certificate is not signed by etcd/ca")
}

func TestKubeadmThatSignsIntoThePast(t *testing.T) {
	c := dead(t)
	c.RenewedBy("etcd/server", c.EtcdCA.Issue(t, "etcd/server", c.Expired(), testcluster.Address))
	fails(t, c, "R3", "etcd-server: the new certificate is valid from")
}

func TestARenewedCertificateForAnotherAddress(t *testing.T) {
	c := dead(t)
	c.RenewedBy("etcd/server", c.EtcdCA.Issue(t, "etcd/server", c.Valid(), "203.0.113.10"))
	fails(t, c, "R4", "203.0.113.10")
}

func TestAnEtcdThatGoesOnServingTheOldCertificate(t *testing.T) {
	c := dead(t)
	c.Freeze("10.99.0.2:2380")
	fails(t, c, "R4", "10.99.0.2:2380 serves etcd/peer: it is still the old certificate")
}

func TestAnEtcdThatForgetsWhatWasPut(t *testing.T) {
	c := dead(t)
	c.Forget = true
	fails(t, c, "R4", "delete", "0 keys were deleted")
}

func TestAnEtcdThatDoesNotAnswer(t *testing.T) {
	c := dead(t)
	c.Deaf(testcluster.Address+":2379", true)
	fails(t, c, "R4", "connection refused", "by hand: look at etcd")
}

func TestAKubeletThatDoesNotStart(t *testing.T) {
	c := dead(t)
	c.Program(cp, "systemctl", "#!/bin/sh\n[ $1 = restart ] || echo failed\n")
	fails(t, c, "R4", "its kubelet is failed after the restart")
}

func TestABackupThatIsNotWhole(t *testing.T) {
	c := dead(t)
	c.Program(cp, "cp", "#!/bin/sh\nexit 0\n")
	fails(t, c, "R0", "")
	if c.Kubeadm() != nil {
		t.Error("something was renewed without a backup")
	}
}

func TestAnAuthorityThatHasExpired(t *testing.T) {
	c := dead(t)
	c.PutAuthority("etcd/ca", c.EtcdCA.Again(t, c.Expired()))
	fails(t, c, "R3", "precondition", "etcd/ca is valid from", "R2 is needed first")
	if c.Kubeadm() != nil || c.Restarts() != 0 {
		t.Error("something was changed all the same")
	}
}

func TestAnAuthorityThatWasReplaced(t *testing.T) {
	c := dead(t)
	c.PutAuthority("etcd/ca", testpki.NewAuthority(t, "etcd-ca", c.Valid()))
	fails(t, c, "R3", "is not signed by etcd/ca: the authority was replaced", "R2 is needed first")
}

func TestANodeWhoseClockIsWrong(t *testing.T) {
	c := dead(t)
	c.Program(cp, "date", "#!/bin/sh\necho 86400\n")
	fails(t, c, "R3", "its clock is off by", "R1 is needed first")
}

func TestANodeThatCannotBeExamined(t *testing.T) {
	c := dead(t)
	c.Deaf(cp, true)
	fails(t, c, "examination")
}

func TestAnExpiredCertificateThatHealDoesNotRenew(t *testing.T) {
	c := dead(t)
	c.Kubeconfig("scheduler", c.Expired())
	fails(t, c, "verification", "cert-expired scheduler cp", "by hand: R6: on cp kubeadm certs renew scheduler.conf")
}

func TestAStaticPodThatDoesNotComeBack(t *testing.T) {
	c := dead(t)
	c.Process("kube-scheduler", false)
	fails(t, c, "verification", "not running: kube-scheduler")
}

func TestAWorkerThatIsGone(t *testing.T) {
	c := dead(t)
	c.Deaf(testcluster.Worker, true)
	fails(t, c, "verification", "node@w")
}

func TestAnAPIThatComesAndGoes(t *testing.T) {
	c := dead(t)
	c.Flaps = true
	fails(t, c, "R5", "")
}

func TestLeasesThatCannotBeRead(t *testing.T) {
	c := dead(t)
	c.NoLeases = true
	fails(t, c, "verification", "the node leases answer 403")
}

func TestABastionWhoseOwnKubeconfigHasExpired(t *testing.T) {
	c := dead(t)
	c.OwnKubeconfig(c.Expired())
	fails(t, c, "R5", "the client certificate in the bastion's kubeconfig", "R6")
}
