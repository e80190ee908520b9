package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jonboulle/clockwork"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nov30/nov30/harness/cluster"
)

// Prepare makes the probes' namespace on a healthy cluster and waits until its default service account exists, without
// which no pod is admitted. The probes themselves never make it again: when it is gone they are red. ctx bounds the wait.
func Prepare(ctx context.Context, c cluster.Cluster, clock clockwork.Clock) error {
	var api client
	namespace := corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}}
	_, err := api.do(ctx, c.Kubeconfig(), call{method: http.MethodPost, path: "/api/v1/namespaces", in: &namespace, want: http.StatusCreated})
	if err != nil && !isStatus(err, http.StatusConflict) {
		return fmt.Errorf("make the namespace %s: %w", Namespace, err)
	}
	account := call{method: http.MethodGet, path: "/api/v1/namespaces/" + Namespace + "/serviceaccounts/default", want: http.StatusOK}
	for {
		_, err := api.do(ctx, c.Kubeconfig(), account)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), fmt.Errorf("the default service account of %s: %w", Namespace, err))
		case <-clock.After(200 * time.Millisecond):
		}
	}
}
