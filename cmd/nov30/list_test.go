package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/onsi/ginkgo/v2/types"
	"github.com/spf13/cobra"

	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/harness/nodeimage"
	"github.com/nov30/nov30/scenarios"
)

func TestListAsJSONHoldsEveryScenarioWhole(t *testing.T) {
	code, out, err := nov30(t, "list", "-o", "json")
	if code != 0 || err != nil {
		t.Fatalf("exit %d, %v", code, err)
	}
	var rows []map[string]any
	if err := json.Unmarshal([]byte(out), &rows); err != nil || len(rows) != len(scenarios.All()) {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for n, s := range scenarios.All() {
		row := rows[n]
		red, isArray := row["red"].([]any)
		if row["name"] != s.Name || row["story"] != s.Story || row["culprit"] != s.Culprit || row["expect"] != string(s.Expect.Kind) ||
			len(row["labels"].([]any)) != len(s.Labels) || !isArray || len(red) != len(s.Red) || len(row) != 6 {
			t.Errorf("%s: %v", s.Name, row)
		}
	}
}

func TestListShowsARowForEach(t *testing.T) {
	_, out, err := nov30(t, "list")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err != nil || len(lines) != len(scenarios.All())+1 || !strings.HasPrefix(lines[0], "SCENARIO") {
		t.Errorf("%v:\n%s", err, out)
	}
	for n, s := range scenarios.All() {
		if fields := strings.Fields(lines[n+1]); fields[0] != s.Name || fields[1] != string(s.Expect.Kind) || fields[2] != cmp.Or(s.Culprit, "–") {
			t.Errorf("row %q of %s", lines[n+1], s.Name)
		}
	}
}

// TestChooseSelectsWhatGinkgoWould holds choose against ginkgo's own rule: the expression against "SUITE TEXT", the label
// filter against the labels.
func TestChooseSelectsWhatGinkgoWould(t *testing.T) {
	for _, focus := range []string{"", "etcd-certs-expired", "etcd-certs-expired$", "^chaos etcd-certs-expired$", "latent|rebooted", "chaos", "^chaos", "s e", "."} {
		for _, labels := range []string{"", "cause:etcd", "row:T01", "!row:T01", "cause:etcd && row:T09", "row:T04 || row:T11", "tier:pr && !row:T09", "cause: containsAny {etcd, dns}"} {
			filter, err := types.ParseLabelFilter(labels)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, s := range scenarios.All() {
				if regexp.MustCompile(focus).MatchString("chaos"+" "+s.Name) && filter(s.Labels) {
					want = append(want, s.Name)
				}
			}
			found, err := choose(focus, labels)
			var got []string
			for _, s := range found {
				got = append(got, s.Name)
			}
			if !slices.Equal(got, want) || (err == nil) != (len(want) > 0) {
				t.Errorf("focus %q, labels %q: got %v, %v; want %v", focus, labels, got, err, want)
			}
		}
	}
	one, err := choose("etcd-certs-expired$", "")
	if err != nil || len(one) != 1 || one[0].Name != "etcd-certs-expired" {
		t.Errorf("got %v, %v", one, err)
	}
}

func TestImagesArePrintedAsTableAndJSON(t *testing.T) {
	images := []nodeimage.Image{{Ref: "nov30/node:v1.34.4-0", Kubernetes: "v1.34.4", Current: true, Source: "built", Size: 3 << 20}}
	var out bytes.Buffer
	if err := printImages(&out, images, "table"); err != nil || !strings.Contains(out.String(), "nov30/node:v1.34.4-0  v1.34.4     built   3   true") {
		t.Errorf("%v:\n%s", err, out.String())
	}
	out.Reset()
	var rows []map[string]any
	if err := printImages(&out, images, "json"); err != nil || json.Unmarshal(out.Bytes(), &rows) != nil || rows[0]["size_bytes"] != float64(3<<20) {
		t.Errorf("%v:\n%s", err, out.String())
	}
	if err := printImages(&out, images, "yaml"); exitCode(t.Context(), err) != 64 {
		t.Errorf("got %v", err)
	}
}

func TestASweepPrintsWhatItDidAndNothingOnlyWhereThereIsNothing(t *testing.T) {
	printed := func(s experiment.Swept, output string) string {
		var out bytes.Buffer
		cmd := &cobra.Command{}
		cmd.SetOut(&out)
		if err := printSwept(cmd, s, output, nil); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if got := printed(experiment.Swept{}, "table"); got != "nothing was left behind\n" {
		t.Errorf("got %q", got)
	}
	whole := experiment.Swept{Reverted: []string{"j1", "j2"}, Deleted: []string{"c1"}, Kept: []string{"c2"}, Busy: []string{"c3"}}
	if got, want := printed(whole, "table"), "reverted  j1\n          j2\ndeleted   c1\nkept      c2\nbusy      c3\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, s := range []experiment.Swept{{Reverted: []string{"x"}}, {Deleted: []string{"x"}}, {Kept: []string{"x"}}, {Busy: []string{"x"}}} {
		if got := printed(s, "table"); strings.Contains(got, "nothing") || !strings.Contains(got, " x\n") {
			t.Errorf("%+v: got %q", s, got)
		}
	}
	var back experiment.Swept
	if err := json.Unmarshal([]byte(printed(whole, "json")), &back); err != nil || len(back.Reverted) != 2 || back.Kept[0] != "c2" {
		t.Errorf("got %+v, %v", back, err)
	}
}
