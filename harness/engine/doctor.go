package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Status is the judgement of one row.
type Status string

// The three judgements. Only a needed row that fails keeps the main job from running.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
)

// Row is one thing that was looked at.
type Row struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Value  string `json:"value"`
	Fix    string `json:"fix,omitempty"` // the command that mends it
	Needed bool   `json:"needed"`        // the main job cannot run while this fails
}

// Report is what Doctor found, in a fixed order.
type Report struct {
	Rows     []Row     `json:"rows"`
	Capacity *Capacity `json:"capacity,omitempty"` // what the row of the clusters says, for programs; nil: could not be looked at
}

// Runnable reports whether the main job can run. A report without rows says nothing, so it cannot.
func (r Report) Runnable() bool {
	for _, row := range r.Rows {
		if row.Needed && row.Status != OK && row.Status != Warn {
			return false
		}
	}
	return len(r.Rows) > 0
}

// JSON is the report for programs.
func (r Report) JSON() ([]byte, error) {
	type out struct {
		Runnable bool `json:"runnable"`
		Report
	}
	b, err := json.MarshalIndent(out{r.Runnable(), r}, "", "  ")
	return append(b, '\n'), err
}

// Table writes the report for people: one line per row, and below the table what mends the rows that are not ok.
func (r Report) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STATUS\tCHECK\tVALUE")
	var fixes []string
	mends := map[string][]string{} // the rows that each one mends
	for _, row := range r.Rows {
		fmt.Fprintf(t, "%s\t%s\t%s\n", row.Status, row.Name, row.Value)
		if row.Status == OK || row.Fix == "" {
			continue
		}
		if mends[row.Fix] == nil {
			fixes = append(fixes, row.Fix)
		}
		mends[row.Fix] = append(mends[row.Fix], row.Name)
	}
	err := t.Flush()
	if len(fixes) > 0 {
		fmt.Fprintln(w, "\nTo mend:")
	}
	for _, fix := range fixes {
		_, wrote := fmt.Fprintf(w, "  %s: %s\n", strings.Join(mends[fix], ", "), fix)
		err = errors.Join(err, wrote)
	}
	return err
}

// Leftovers is what earlier runs left behind.
type Leftovers struct {
	Found []string // names of clusters, networks, open journals
	Fix   string   // the command that removes them
}

// DoctorOptions are the questions that depend on the caller.
type DoctorOptions struct {
	// Disk is how many bytes must be free where the engine keeps its data.
	Disk uint64
	// Leftovers looks for what earlier runs left; the engine is nil when none was found. Nil: no such row.
	Leftovers func(context.Context, *Engine) (Leftovers, error)
}

// Doctor looks at everything that the main job needs. It changes nothing but that it starts, and removes, one container.
// What cannot be looked at is a row that fails.
func Doctor(ctx context.Context, o DoctorOptions) Report { return host().doctor(ctx, o) }

func (m machine) doctor(ctx context.Context, o DoctorOptions) Report {
	if err := m.supported(); err != nil {
		return Report{Rows: []Row{{"operating system", Fail, err.Error(), "use Linux, for example a virtual machine", true}}}
	}
	e, row := m.engineRow(ctx)
	rows := []Row{row}
	rows = append(rows, m.privilegedRows(ctx, e)...)
	capacity, fits := m.capacityRow(ctx, e)
	rows = append(rows, m.cgroupRow(), m.diskRow(ctx, e, o.Disk), m.memoryRow(), m.coresRow(), m.inotifyRow(capacity), fits, m.goRow(ctx))
	if o.Leftovers != nil {
		rows = append(rows, leftoversRow(ctx, e, o.Leftovers))
	}
	return Report{Rows: rows, Capacity: capacity}
}
