package probe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/nov30/nov30/harness/cluster"
)

// ErrUnreadable says that the acknowledged writes could not be read: nothing is known about them, lost or not.
var ErrUnreadable = errors.New("the acknowledged writes cannot be read")

// ErrNoWrites says that no write was ever acknowledged: there is nothing to verify, which is no pass.
var ErrNoWrites = errors.New("no write was ever acknowledged")

// LostError names acknowledged writes that the cluster no longer has as they were acknowledged.
type LostError struct {
	Missing, Changed []string
}

func (e *LostError) Error() string {
	var parts []string
	if len(e.Missing) > 0 {
		parts = append(parts, fmt.Sprintf("%d acknowledged writes are lost: %s", len(e.Missing), some(e.Missing)))
	}
	if len(e.Changed) > 0 {
		parts = append(parts, fmt.Sprintf("%d acknowledged writes have another value: %s", len(e.Changed), some(e.Changed)))
	}
	return strings.Join(parts, "; ")
}

// some is the first few names.
func some(names []string) string {
	if len(names) <= 5 {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:5], ", ") + ", …"
}

// Verify reads every acknowledged write back. The error is a *LostError when one is missing or has another value,
// ErrUnreadable when the API does not answer, ErrNoWrites when there is none.
func (p *Write) Verify(ctx context.Context, c cluster.Cluster) error {
	p.mu.Lock()
	want := maps.Clone(p.acked)
	p.mu.Unlock()
	if len(want) == 0 {
		return ErrNoWrites
	}
	var list corev1.ConfigMapList
	path := configMaps + "?labelSelector=" + IDLabel + "%3D" + p.id
	if _, err := p.client.do(ctx, c.Kubeconfig(), call{method: http.MethodGet, path: path, want: http.StatusOK, out: &list}); err != nil {
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	have := map[string]string{}
	for _, m := range list.Items {
		have[m.Name] = m.Data[valueKey]
	}
	var lost LostError
	for _, name := range slices.Sorted(maps.Keys(want)) {
		value, ok := have[name]
		switch {
		case !ok:
			lost.Missing = append(lost.Missing, name)
		case value != want[name]:
			lost.Changed = append(lost.Changed, name)
		}
	}
	if len(lost.Missing)+len(lost.Changed) > 0 {
		return &lost
	}
	return nil
}
