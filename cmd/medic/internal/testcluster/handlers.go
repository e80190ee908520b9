package testcluster

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

func (c *Cluster) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if _, err := os.Stat(c.path(ControlPlane, "/killed")); c.Stuck && err != nil {
			http.Error(w, "[+]ping ok\n[-]etcd failed: reason withheld\n[-]etcd-readiness failed: reason withheld\nreadyz check failed", http.StatusInternalServerError)
			return
		}
		if c.Flaps && c.answers.Add(1)%3 == 0 {
			http.Error(w, "[-]poststarthook/x failed: reason withheld", http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, "ok")
	})
	mux.HandleFunc("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", func(w http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.NoLeases {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		var items []any
		for _, n := range c.Target.Nodes {
			at, stale := c.stale[n.Name]
			if !stale {
				at = c.Clock.Now().Truncate(10 * time.Second)
			}
			items = append(items, map[string]any{
				"metadata": map[string]any{"name": n.Name},
				"spec":     map[string]any{"renewTime": at.UTC().Format("2006-01-02T15:04:05.000000Z07:00"), "leaseDurationSeconds": 40},
			})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": "LeaseList", "items": items})
	})
	return mux
}

// etcd is a KV service with one key per request, in gRPC's clothes.
func (c *Cluster) etcd() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		key, rest := delimited(body[5:])
		var msg []byte
		c.mu.Lock()
		switch r.URL.Path {
		case "/etcdserverpb.KV/Put":
			value, _ := delimited(rest)
			if !c.Forget {
				c.store[string(key)] = value
			}
		case "/etcdserverpb.KV/Range":
			if v, ok := c.store[string(key)]; ok {
				kv := append([]byte{1<<3 | 2, byte(len(key))}, key...)
				kv = append(append(kv, 4<<3, 1, 5<<3|2, byte(len(v))), v...)
				msg = append([]byte{1<<3 | 2, 0, 2<<3 | 2, byte(len(kv))}, kv...)
			}
		case "/etcdserverpb.KV/DeleteRange":
			if _, ok := c.store[string(key)]; ok {
				msg = []byte{2 << 3, 1}
			}
			delete(c.store, string(key))
		}
		c.mu.Unlock()
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		head := make([]byte, 5)
		binary.BigEndian.PutUint32(head[1:], uint32(len(msg)))
		_, _ = w.Write(append(head, msg...))
		w.Header().Set("Grpc-Status", "0")
	})
}

// delimited reads a field of less than 128 bytes.
func delimited(b []byte) (value, rest []byte) {
	return b[2 : 2+b[1]], b[2+b[1]:]
}

// Keys lists what is in etcd.
func (c *Cluster) Keys() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for k := range c.store {
		out = append(out, k)
	}
	return out
}
