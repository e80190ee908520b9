package cluster

import (
	"os"
	"path/filepath"
)

// MoveKubeconfig moves the cluster's kubeconfig into another directory, under its own name.
func (k *Kind) MoveKubeconfig(dir string) error {
	to := filepath.Join(dir, filepath.Base(k.kubeconfig))
	if err := os.Rename(k.kubeconfig, to); err != nil {
		return err
	}
	k.kubeconfig = to
	return nil
}
