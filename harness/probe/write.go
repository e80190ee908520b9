package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nov30/nov30/harness/cluster"
)

// configMaps is where the write probe writes.
const configMaps = "/api/v1/namespaces/" + Namespace + "/configmaps"

// gapMax is the time between two writes from which on one is missing between them.
const gapMax = 2 * time.Second

// valueKey is the key of the random value in each ConfigMap.
const valueKey = "value"

// ErrInFlight is the result of a write that came due while the one before it was not over.
var ErrInFlight = errors.New("previous write still in flight")

// Write writes one ConfigMap for each check, into the namespace that Prepare made, and remembers those that the API
// acknowledged. After a gap (a write that failed, was due too early, or was never asked for) the last acknowledged one is
// read back before anything else is written; while that fails, or the value is another, the probe stays red.
// A write that got no answer may or may not exist: it is not acknowledged, and nothing is asked of it.
//
//	idle ──Check──▶ [gap: read back] ──▶ writing ──201──▶ idle, acknowledged
//	                     └───────any other end───────────▶ idle, gap
type Write struct {
	clock  clockwork.Clock
	client client
	id     string // tells this probe's objects from those of another arm on the same cluster

	mu     sync.Mutex
	busy   bool
	gap    bool
	last   time.Time // when the last check began
	seq    int
	acked  map[string]string // name to value
	newest string            // name of the last acknowledged write
}

// NewWrite makes the probe.
func NewWrite(clock clockwork.Clock) *Write {
	return &Write{clock: clock, id: newID(), acked: map[string]string{}}
}

// newID is a random name part.
func newID() string { return strings.ToLower(rand.Text()[:8]) }

func (*Write) String() string { return NameWrite }

// Acknowledged is how many writes the API has acknowledged.
func (p *Write) Acknowledged() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.acked)
}

// Check writes once. Only one write is in flight at a time: a second one fails with ErrInFlight.
func (p *Write) Check(ctx context.Context, c cluster.Cluster) error {
	name, readBack, err := p.begin()
	if err != nil {
		return err
	}
	value := rand.Text()
	if readBack != "" {
		err = p.readBack(ctx, c, readBack)
	}
	if err == nil {
		err = p.write(ctx, c, name, value)
	}
	p.end(name, value, err)
	return err
}

// begin takes the turn and says which write must be read back first, if any.
func (p *Write) begin() (name, readBack string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy {
		p.gap = true
		return "", "", ErrInFlight
	}
	now := p.clock.Now()
	if p.seq > 0 && now.Sub(p.last) >= gapMax {
		p.gap = true
	}
	p.busy, p.last = true, now
	p.seq++
	if p.gap {
		readBack = p.newest
	}
	p.gap = false // a write due while this one is in flight sets it again
	return fmt.Sprintf("w-%s-%d", p.id, p.seq), readBack, nil
}

func (p *Write) end(name, value string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy = false
	if err != nil {
		p.gap = true
		return
	}
	p.acked[name], p.newest = value, name
}

func (p *Write) readBack(ctx context.Context, c cluster.Cluster, name string) error {
	var got corev1.ConfigMap
	_, err := p.client.do(ctx, c.Kubeconfig(), call{method: http.MethodGet, path: configMaps + "/" + name, want: http.StatusOK, out: &got})
	if isStatus(err, http.StatusNotFound) {
		return &LostError{Missing: []string{name}}
	}
	if err != nil {
		return fmt.Errorf("read back %s: %w", name, err)
	}
	p.mu.Lock()
	want := p.acked[name]
	p.mu.Unlock()
	if got.Name != name || got.Data[valueKey] != want {
		return &LostError{Changed: []string{name}}
	}
	return nil
}

func (p *Write) write(ctx context.Context, c cluster.Cluster, name, value string) error {
	object := corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: Namespace, Labels: map[string]string{IDLabel: p.id}},
		Data:       map[string]string{valueKey: value},
	}
	var got corev1.ConfigMap
	_, err := p.client.do(ctx, c.Kubeconfig(), call{method: http.MethodPost, path: configMaps, in: &object, want: http.StatusCreated, out: &got})
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if got.Name != name || got.Data[valueKey] != value {
		return fmt.Errorf("write %s: the API acknowledged something else: %q", name, got.Name)
	}
	return nil
}
