package kill

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nov30/nov30/harness/fault"
	"github.com/nov30/nov30/harness/pki"
)

// left names everything that is not as it was before the run; nothing is what a killed run must leave behind.
func (g *ground) left(ctx context.Context) []string {
	var all []string
	note := func(what string, err error) {
		if err != nil {
			all = append(all, what+": "+err.Error())
		}
	}
	note("processes", g.settled(ctx))
	after, err := g.snapshot(false)
	note("files", err)
	all = append(all, differences(g.before, after)...)
	for _, m := range g.c.Machines() {
		_, err := m.Exec(ctx, nil, "systemctl", "is-system-running")
		note("node not running", err)
	}
	note("served", g.served(ctx))
	names, err := os.ReadDir(g.journals())
	if !errors.Is(err, fs.ErrNotExist) {
		note("journals", err)
	}
	for _, n := range names {
		all = append(all, "journal left: "+n.Name())
	}
	if _, err := os.Lstat(g.private()); !errors.Is(err, fs.ErrNotExist) {
		all = append(all, "private directory left")
	}
	return all
}

// served compares what etcd serves with what was there before.
func (g *ground) served(ctx context.Context) error {
	m := g.c.Machines()[0]
	address, err := g.c.Address(ctx, m.Name())
	if err != nil {
		return err
	}
	for file, endpoint := range map[string]string{"server.crt": "127.0.0.1:2379", "peer.crt": address.String() + ":2380"} {
		got, err := fault.Served(ctx, m, endpoint)
		if err != nil {
			return err
		}
		want, err := pki.ParsePEM([]byte(m.Content(etcdPKI + file)))
		if err != nil {
			return err
		}
		if !got.Equal(want[0]) {
			return fmt.Errorf("%s is not what %s holds", endpoint, file)
		}
	}
	return nil
}

// end stops the nodes; no process is left then.
func (g *ground) end(ctx context.Context, victim int) error {
	var errs []error
	for _, m := range g.c.Machines() {
		errs = append(errs, g.c.StopNode(ctx, m.Name()))
	}
	errs = append(errs, g.settled(ctx), reap(victim))
	return errors.Join(append(errs, os.RemoveAll(filepath.Clean(string(g.home))))...)
}
