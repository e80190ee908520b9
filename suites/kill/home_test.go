package kill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/journaltest"
	"github.com/nov30/nov30/harness/pki"
)

// home is the directory of one run.
type home string

const clusterName = "nov30-kill"

func (h home) cluster() string  { return filepath.Join(string(h), clusterName) }
func (h home) journals() string { return filepath.Join(string(h), "journal") }
func (h home) private() string  { return filepath.Join(string(h), "private") }
func (h home) context() string  { return filepath.Join(string(h), "context.json") }

// deaf drops what it reads, so that a guardian behind it is told nothing.
type deaf struct{ r io.Reader }

func (d *deaf) Read(p []byte) (int, error) {
	for {
		if _, err := d.r.Read(p); err != nil {
			return 0, err
		}
	}
}

// sweep undoes what a dead run left behind, knowing nothing of it but its directory.
type sweep struct {
	home
	hasty bool // does not wait for the dead run's commands
	say   func(string)
}

func (s sweep) run(ctx context.Context) error {
	open, err := journal.List(s.journals())
	if err != nil {
		return err
	}
	var errs []error
	for _, l := range open {
		errs = append(errs, s.journal(ctx, l))
	}
	return errors.Join(errs...)
}

func (s sweep) journal(ctx context.Context, l journal.Listed) error {
	if l.InUse {
		return fmt.Errorf("%s: %w", l.Path, journal.ErrInUse) // by a child of the dead run: not for long
	}
	if l.Err != nil {
		return fmt.Errorf("%s: %w", l.Path, l.Err)
	}
	c, err := s.openMeta(l.Meta)
	if err != nil {
		return err
	}
	if !s.hasty {
		s.say("settling")
		if err := c.Settle(ctx); err != nil {
			return err
		}
	}
	f, err := journal.Open(l.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Revert(ctx, c, func(i journal.Inverse, err error) { s.say(fmt.Sprintf("undone: %s: %v", i, err)) }); err != nil {
		return err
	}
	return f.Seal()
}

// openMeta opens the journal's cluster and makes sure that it is that one.
func (s sweep) openMeta(m journal.Meta) (*journaltest.Processes, error) {
	c, err := journaltest.Open(filepath.Join(string(s.home), filepath.Base(m.Cluster)))
	if err != nil {
		return nil, err
	}
	sum, err := caSum(c)
	if err == nil && sum != m.CASHA256 {
		err = fmt.Errorf("cluster %s has another CA than the journal's", m.Cluster)
	}
	return c, err
}

// caSum names the cluster by its CA. The file is read from the host: the node may be off.
func caSum(c *journaltest.Processes) (string, error) {
	text, err := os.ReadFile(c.Machines()[0].Host(etcdPKI + "ca.crt"))
	if err != nil {
		return "", err
	}
	certs, err := pki.ParsePEM(text)
	if err != nil {
		return "", err
	}
	return pki.Fingerprint(certs[0]), nil
}
