package testcluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Dial opens a connection to an address in the cluster.
func (c *Cluster) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.busy.Add(1)
	conn, err := c.dial(ctx, network, address)
	if err != nil {
		c.busy.Add(-1)
		return nil, err
	}
	return &counted{Conn: conn, closed: func() { c.busy.Add(-1) }}, nil
}

func (c *Cluster) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.reconcile()
	c.mu.Lock()
	refused := c.deaf[address] || address == Address+":6443" && !c.apiUp
	host, _, _ := net.SplitHostPort(address)
	for _, n := range c.Target.Nodes {
		refused = refused || n.Address.String() == host && c.deaf[n.Name]
	}
	c.mu.Unlock()
	to, ok := c.listen[address]
	if refused || !ok {
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	return new(net.Dialer).DialContext(ctx, network, to)
}

// Cut cuts the apiserver's connections to etcd, as a fault does. An apiserver that cannot connect again exits.
func (c *Cluster) Cut() {
	works := c.etcdWorks()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !works {
		c.apiUp, c.restarts = false, c.Restarts()
		c.Process("kube-apiserver", false)
	}
}

// Needs sets how many restarts of the kubelet a crashed apiserver needs; -1: it never comes back.
func (c *Cluster) Needs(restarts int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.needs = restarts
}

// Deaf makes an endpoint refuse connections, or, with a node's name, the whole node; false ends it.
func (c *Cluster) Deaf(what string, deaf bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deaf[what] = deaf
}

// StopLease makes a node's lease stand still.
func (c *Cluster) StopLease(node string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stale[node] = c.Clock.Now()
}

// reconcile is what the kubelet does: it starts the apiserver again.
func (c *Cluster) reconcile() {
	c.mu.Lock()
	up, needs, seen := c.apiUp, c.needs, c.restarts
	c.mu.Unlock()
	if up || needs < 0 || c.Restarts() < seen+needs || !c.etcdWorks() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.apiUp = true
	c.Process("kube-apiserver", true)
}

// etcdWorks tells whether the apiserver could open a new connection to etcd.
func (c *Cluster) etcdWorks() bool {
	const pki = "/etc/kubernetes/pki/"
	now := c.Clock.Now()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.Read(ControlPlane, pki+"etcd/ca.crt"))
	for _, name := range []string{"etcd/server", "apiserver-etcd-client"} {
		pair, err := tls.LoadX509KeyPair(c.path(ControlPlane, pki+name+".crt"), c.path(ControlPlane, pki+name+".key"))
		if err != nil {
			return false
		}
		opts := x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
		if _, err := pair.Leaf.Verify(opts); err != nil {
			return false
		}
	}
	return true
}

type counted struct {
	net.Conn
	once   sync.Once
	closed func()
}

func (c *counted) Close() error {
	c.once.Do(c.closed)
	return c.Conn.Close()
}

// Run runs f while the fake clock goes on whenever somebody waits for it and nothing else is under way.
func (c *Cluster) Run(f func(ctx context.Context)) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f(ctx)
	}()
	quiet := 0
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
		}
		if c.busy.Load() > 0 {
			quiet = 0
			continue
		}
		if quiet++; quiet < 5 {
			continue
		}
		wait, stop := context.WithTimeout(ctx, time.Millisecond)
		if c.Clock.BlockUntilContext(wait, 1) == nil {
			c.Clock.Advance(200 * time.Millisecond)
			quiet = 0
		}
		stop()
	}
}
