package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"

	"github.com/onsi/ginkgo/v2/types"
	"github.com/spf13/cobra"

	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/scenarios"
)

func newList() *cobra.Command {
	var focus, labels, output string
	cmd := &cobra.Command{
		Use: "list", Short: "List the scenarios", Args: cobra.NoArgs,
		Example: `  nov30 list
  nov30 list --labels 'cause:etcd && tier:pr' -o json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := choose(focus, labels)
			if err != nil {
				return err
			}
			return printScenarios(cmd.OutOrStdout(), found, output)
		},
	}
	selection(cmd, &focus, &labels)
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

func selection(cmd *cobra.Command, focus, labels *string) {
	cmd.Flags().StringVar(focus, "focus", "", "regular `expression` on the text \"chaos NAME\", as in ginkgo: 'expired$'")
	cmd.Flags().StringVar(labels, "labels", "", "label `filter`, as in ginkgo: 'cause:etcd && !tier:nightly'")
}

// colour is what ginkgo's errors are decorated with.
var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

// choose selects scenarios as ginkgo does in suites/chaos, whose specs are called "chaos NAME". That nothing matches is
// a usage error that shows what there is.
func choose(focus, labels string) ([]experiment.Scenario, error) {
	expression, err := regexp.Compile(focus)
	if err != nil {
		return nil, usageError("focus: %w", err)
	}
	filter, err := types.ParseLabelFilter(labels)
	if err != nil {
		return nil, usageError("labels %q: %s", labels, colour.ReplaceAllString(err.Error(), ""))
	}
	var found []experiment.Scenario
	for _, s := range scenarios.All() {
		if expression.MatchString("chaos "+s.Name) && (labels == "" || filter(s.Labels)) {
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		var all strings.Builder
		_ = printScenarios(&all, scenarios.All(), "table")
		return nil, usageError("no scenario matches focus %q and labels %q; there are:\n%s", focus, labels, all.String())
	}
	return found, nil
}

func printScenarios(w io.Writer, all []experiment.Scenario, output string) error {
	switch output {
	case "json":
		type row struct {
			Name    string   `json:"name"`
			Labels  []string `json:"labels"`
			Story   string   `json:"story"`
			Expect  string   `json:"expect"`
			Culprit string   `json:"culprit"`
			Red     []string `json:"red"`
		}
		rows := []row{}
		for _, s := range all {
			rows = append(rows, row{s.Name, s.Labels, s.Story, string(s.Expect.Kind), s.Culprit, append([]string{}, s.Red...)})
		}
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(rows)
	case "table":
		t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "SCENARIO\tEXPECT\tCULPRIT\tLABELS")
		for _, s := range all {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", s.Name, s.Expect.Kind, cmp.Or(s.Culprit, "–"), strings.Join(s.Labels, " "))
		}
		return t.Flush()
	}
	return usageError("output %q: table or json", output)
}
