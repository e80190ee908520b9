package nodestate

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// runtimeSocket is where containerd listens in kind's nodes; whoever can open it is root.
const runtimeSocket = "run/containerd/containerd.sock"

// runtimeWithin limits one attempt at what the container runtime must do. It takes about a second.
const runtimeWithin = 20 * time.Second

// removePods stops and removes every pod of the node through the container runtime, which gives their addresses and mounts
// back. A runtime that cannot is restarted, once.
func (n Node) removePods(ctx context.Context, report *Report) error {
	count, err := n.removeAll(ctx)
	if err != nil {
		if _, again := n.run(ctx, nil, "systemctl", "restart", "containerd.service"); again != nil {
			return fmt.Errorf("%w; and containerd could not be restarted: %w", err, again)
		}
		report.Units = append(report.Units, fmt.Sprintf("containerd.service restarted, because: %v", err))
		count, err = n.removeAll(ctx)
	}
	report.Pods = count
	return err
}

func (n Node) removeAll(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, runtimeWithin, fmt.Errorf("containerd did not remove the pods within %v", runtimeWithin))
	defer cancel()
	conn, err := n.dial()
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	runtime := cri.NewRuntimeServiceClient(conn)
	list, err := n.listPods(ctx, runtime)
	if err != nil {
		return 0, err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, pod := range list.Items {
		group.Go(func() error {
			if _, err := runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: pod.Id}); err != nil {
				return fmt.Errorf("stop pod %s: %w", pod.Metadata.GetName(), err)
			}
			if _, err := runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: pod.Id}); err != nil {
				return fmt.Errorf("remove pod %s: %w", pod.Metadata.GetName(), err)
			}
			return nil
		})
	}
	return len(list.Items), group.Wait()
}

// startWithin is how long containerd may take from its start until it knows its pods; before, every question is an error.
const startWithin = 5 * time.Second

func (n Node) listPods(ctx context.Context, runtime cri.RuntimeServiceClient) (*cri.ListPodSandboxResponse, error) {
	for deadline := n.Clock.Now().Add(startWithin); ; {
		list, err := runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{}, grpc.WaitForReady(true))
		if err == nil || !strings.Contains(err.Error(), "not initialized") || n.Clock.Now().After(deadline) {
			return list, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-n.Clock.After(100 * time.Millisecond):
		}
	}
}

func (n Node) dial() (*grpc.ClientConn, error) {
	return grpc.NewClient("unix://"+filepath.Join(n.Root, runtimeSocket), grpc.WithTransportCredentials(insecure.NewCredentials()))
}
