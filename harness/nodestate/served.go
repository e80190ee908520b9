package nodestate

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"net"
	"regexp"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// ports are where a node's components serve with a certificate: etcd for clients and for peers, the API server, kubelet, the
// controller manager, the scheduler.
var ports = []int{2379, 2380, 6443, 10250, 10257, 10259}

// servedWithin is how long a server may take to show its certificate.
const servedWithin = 3 * time.Second

// servedFacts asks every port for its certificate. Where nothing listens there is none, which is a fact, too.
func (n Node) servedFacts(ctx context.Context, f Facts) error {
	hosts, err := ownAddresses()
	if err != nil {
		return err
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for _, port := range ports {
		group.Go(func() error {
			value := servedAt(ctx, hosts, port)
			mu.Lock()
			defer mu.Unlock()
			f["served/"+strconv.Itoa(port)] = value
			return nil
		})
	}
	return group.Wait()
}

// ownAddresses are where a component may listen: etcd serves its peers on the node's address only.
func ownAddresses() ([]string, error) {
	hosts := []string{"127.0.0.1"}
	all, err := net.InterfaceAddrs()
	for _, a := range all {
		if prefix, ok := a.(*net.IPNet); ok && prefix.IP.To4() != nil && prefix.IP.IsGlobalUnicast() {
			hosts = append(hosts, prefix.IP.String())
		}
	}
	return hosts, err
}

// made is the time in the name of a certificate that a component makes for itself as it starts.
var made = regexp.MustCompile(`@\d+`)

// servedAt is the SHA-256 of the certificate that is served. One that a component made for itself as it started is known by
// its name alone.
func servedAt(ctx context.Context, hosts []string, port int) string {
	ctx, cancel := context.WithTimeout(ctx, servedWithin)
	defer cancel()
	var leaf []byte
	value := "nothing"
	config := &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error { // seen, not trusted
		c := s.PeerCertificates[0]
		leaf = c.Raw
		if port == 10257 || port == 10259 {
			value = made.ReplaceAllString(c.Subject.CommonName+" of "+c.Issuer.CommonName, "")
		}
		return nil
	}}
	listens := false
	for _, host := range hosts {
		conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err == nil {
			conn.Close()
		}
		refused := (*net.OpError)(nil)
		if listens = err == nil || leaf != nil || !errors.As(err, &refused) || refused.Op != "dial"; listens {
			break
		}
	}
	switch {
	case !listens:
		return "nothing"
	case leaf == nil:
		return "no certificate"
	case value != "nothing":
		return value
	}
	sum := sha256.Sum256(leaf)
	return hex.EncodeToString(sum[:])
}
