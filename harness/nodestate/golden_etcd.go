package nodestate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
)

// etcd as kubeadm sets it up: where it listens, and the API server's own client certificate for it.
const (
	etcdAddress = "127.0.0.1:2379"
	etcdCA      = "/etc/kubernetes/pki/etcd/ca.crt"
	etcdCert    = "/etc/kubernetes/pki/apiserver-etcd-client.crt"
	etcdKey     = "/etc/kubernetes/pki/apiserver-etcd-client.key"
)

// The keys of all objects of the API, from and up to.
const (
	registry    = "/registry/"
	registryEnd = "/registry0"
)

// etcdWithin limits all that is done with etcd. It takes less than a second.
const etcdWithin = 40 * time.Second

// etcdMax bounds an answer of etcd's, in bytes; a new cluster has 1 MB of objects.
const etcdMax = 256 << 20

// ErrNotEmpty is an etcd in which there is something already.
var ErrNotEmpty = errors.New("etcd is not empty")

func (n Node) dialEtcd() (*grpc.ClientConn, error) {
	ca, err := os.ReadFile(filepath.Join(n.Root, etcdCA))
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(n.Root, etcdCert), filepath.Join(n.Root, etcdKey))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	// It listens at a moment that nobody announces, so it is tried often.
	often := grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.2, MaxDelay: 50 * time.Millisecond},
		MinConnectTimeout: time.Second}
	return grpc.NewClient(etcdAddress, grpc.WithConnectParams(often), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(etcdMax)),
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}})))
}

// withEtcd does something with etcd as soon as it answers.
func (n Node) withEtcd(ctx context.Context, do func(context.Context, etcdserverpb.KVClient) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, etcdWithin, fmt.Errorf("etcd did not answer within %v", etcdWithin))
	defer cancel()
	conn, err := n.dialEtcd()
	if err != nil {
		return err
	}
	defer conn.Close()
	return do(ctx, etcdserverpb.NewKVClient(conn))
}

// readEtcd reads all objects of the API at one revision, in the order in which they were written last.
func (n Node) readEtcd(ctx context.Context) (objects []GoldenObject, err error) {
	err = n.withEtcd(ctx, func(ctx context.Context, etcd etcdserverpb.KVClient) error {
		all, err := etcd.Range(ctx, &etcdserverpb.RangeRequest{Key: []byte(registry), RangeEnd: []byte(registryEnd),
			SortTarget: etcdserverpb.RangeRequest_MOD, SortOrder: etcdserverpb.RangeRequest_ASCEND})
		if err != nil {
			return err
		}
		for _, kv := range all.Kvs {
			objects = append(objects, GoldenObject{Key: string(kv.Key), Value: kv.Value})
		}
		return nil
	})
	return objects, err
}

// The limits of one transaction: etcd takes 128 operations and 1.5 MB.
const (
	txnOperations = 100
	txnBytes      = 512 << 10
)

// fillEtcd puts the objects into an etcd that has none, and reads back how many there are.
func (n Node) fillEtcd(ctx context.Context, objects []GoldenObject) error {
	return n.withEtcd(ctx, func(ctx context.Context, etcd etcdserverpb.KVClient) error {
		if have, err := countObjects(ctx, etcd); err != nil {
			return err
		} else if have != 0 {
			return fmt.Errorf("%w: it has %d objects", ErrNotEmpty, have)
		}
		for left := objects; len(left) > 0; {
			var txn etcdserverpb.TxnRequest
			txn, left = nextTxn(left)
			if _, err := etcd.Txn(ctx, &txn); err != nil {
				return err
			}
		}
		have, err := countObjects(ctx, etcd)
		if err == nil && have != int64(len(objects)) {
			err = fmt.Errorf("%w: it has %d objects, of which %d were put there", ErrNotEmpty, have, len(objects))
		}
		return err
	})
}

func countObjects(ctx context.Context, etcd etcdserverpb.KVClient) (int64, error) {
	found, err := etcd.Range(ctx, &etcdserverpb.RangeRequest{Key: []byte(registry), RangeEnd: []byte(registryEnd), CountOnly: true},
		grpc.WaitForReady(true))
	return found.GetCount(), err
}

// nextTxn takes as many objects as one transaction holds, at least one.
func nextTxn(objects []GoldenObject) (txn etcdserverpb.TxnRequest, left []GoldenObject) {
	size := 0
	for i, o := range objects {
		size += len(o.Key) + len(o.Value)
		if i > 0 && (i == txnOperations || size > txnBytes) {
			return txn, objects[i:]
		}
		put := &etcdserverpb.PutRequest{Key: []byte(o.Key), Value: o.Value}
		txn.Success = append(txn.Success, &etcdserverpb.RequestOp{Request: &etcdserverpb.RequestOp_RequestPut{RequestPut: put}})
	}
	return txn, nil
}
