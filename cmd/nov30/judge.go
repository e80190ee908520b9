package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
)

func newJudge() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "judge [RUN-DIR]", Short: "Compute a run's verdicts again from its records alone", Args: cobra.MaximumNArgs(1),
		Long: `Reads run.json and every arm's record.json and events.jsonl of a run (default: out/latest), judges them again, and compares
the result with verdicts.json byte for byte. The exit code is that of the verdicts; 3 when verdicts.json says otherwise, or
when something cannot be read. A run that was killed before it wrote verdicts.json is judged by what it recorded.`,
		Example: "  nov30 judge\n  nov30 judge out/20191130-182908-abcdef\n  nov30 judge -o json out/latest | jq '.[].verdict'",
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "table" && output != "json" {
				return usageError("output %q: table or json", output)
			}
			return judge(cmd, runDir(args), output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

func judge(cmd *cobra.Command, dir, output string) error {
	j, err := report.Judge(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return usageError("%s is not the directory of a run: %w", dir, err)
	}
	if err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	if output == "json" {
		if _, err := w.Write(j.Text); err != nil {
			return err
		}
	} else {
		for _, v := range j.Verdicts {
			fmt.Fprintf(w, "%-12s %s\n", v.Verdict, v.Name)
			for _, r := range v.Reasons {
				fmt.Fprintf(w, "             %s\n", r)
			}
		}
	}
	if err := compare(cmd, dir, j); err != nil {
		return err
	}
	code := slo.ExitCode(j.Verdicts)
	if !j.Finished {
		fmt.Fprintln(cmd.ErrOrStderr(), "the run did not come to its end: what else it was asked for is not known")
		if code == slo.ExitPass {
			code = slo.ExitInconclusive
		}
	}
	if code != slo.ExitPass {
		return exitError{code, nil}
	}
	return nil
}

// compare holds the verdicts against what the run wrote down.
func compare(cmd *cobra.Command, dir string, j report.Judged) error {
	say := func(format string, args ...any) { fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...) }
	path := filepath.Join(dir, report.VerdictsFile)
	if j.Old {
		say("a run of an older version: its verdicts.json had fewer fields and is not compared")
		return nil
	}
	written, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		say("the run did not come to its end: there is no %s to compare with", report.VerdictsFile)
		return nil
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(written, j.Text) {
		return fmt.Errorf("%s says otherwise than the records: one of them was changed, or another version of nov30 wrote it", path)
	}
	say("agrees with %s byte for byte", report.VerdictsFile)
	return nil
}
