// Command medic finds and repairs expired certificates of a kubeadm cluster from a bastion host.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/nov30/nov30/cmd/medic/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.New(os.Stdout, os.Stderr, os.Getenv).Run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
