package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nov30/nov30/harness/report"
)

// rendered are the files that nov30 report writes.
var rendered = []string{report.HTMLFile, report.MarkdownFile, report.JUnitFile, report.ConfusionFile}

// printed are the reports that go to standard output; json is the confusion table.
var printed = []string{"html", "md", "junit", "json"}

func newReport() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "report [RUN-DIR]", Short: "Make the reports of a run again, from its files alone", Args: cobra.MaximumNArgs(1),
		Long: `Makes report.html, report.md, junit.xml and confusion.json of a run again from its records, verdicts.json, timings.json
and exit. Nothing is judged here: the verdicts stay as they are. RUN-DIR is the directory of a run; default: out/latest.

With -o one report goes to standard output instead, and no file is written.`,
		Example: `  nov30 report
  nov30 report out/20191130-102908-c0ffee
  nov30 report -o md >>"$GITHUB_STEP_SUMMARY"
  nov30 report -o json out/latest     # the confusion table`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return makeReport(cmd.OutOrStdout(), runDir(args), output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "files", "files, or one of html, md, junit, json for standard output")
	return cmd
}

func makeReport(w io.Writer, dir, output string) error {
	if output == "files" {
		return writeReports(w, dir)
	}
	if !slices.Contains(printed, output) {
		return usageError("output %q: files, %s", output, strings.Join(printed, ", "))
	}
	r, err := report.Read(dir)
	if err != nil {
		return noRun(err)
	}
	text, err := oneReport(r, dir, output)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

func writeReports(w io.Writer, dir string) error {
	if err := report.Render(dir); err != nil {
		return noRun(err)
	}
	for _, name := range rendered {
		fmt.Fprintln(w, filepath.Join(dir, name))
	}
	return nil
}

func oneReport(r report.Results, dir, output string) ([]byte, error) {
	switch output {
	case "html":
		return report.HTML(r, os.DirFS(dir))
	case "md":
		return report.Markdown(r), nil
	case "junit":
		return report.JUnit(r)
	}
	text, err := json.MarshalIndent(report.Confuse(r.Verdicts, r.Records), "", "  ")
	return append(text, '\n'), err
}

// noRun makes a usage error of a directory that is no run; a damaged run is none.
func noRun(err error) error {
	if errors.Is(err, report.ErrNoRun) {
		return usageError("%w", err)
	}
	return err
}
