package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	toolsfs "github.com/nov30/nov30/fixtures/tools"
	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/harness/tool"
)

func newTool() *cobra.Command {
	cmd := &cobra.Command{
		Use: "tool", Short: "Check a tool file, print the tool contract", Args: cobra.NoArgs,
		Long: `A tool under test is a YAML file with a detect and a recover command. These commands check one without running it, and
print what a tool reads and writes.`,
		Example: `  nov30 tool check ./my-tool.yaml
  nov30 tool schema >tool.schema.json
  nov30 tool culprits`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newToolCheck(), newToolSchema(), newToolCulprits())
	return cmd
}

func newToolCheck() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "check FILE…", Short: "Read tool files as a run would, and print what would be run", Args: cobra.MinimumNArgs(1),
		Long: `Reads tool files, finds their programs and prints what would be run. Nothing is run. Every mistake is named with its
field. Programs named without a slash are looked for beside nov30 and then in PATH, others relative to the tool file.

Exit 64 when a file has a mistake.`,
		Example: `  nov30 tool check ./my-tool.yaml
  nov30 tool check tools/*.yaml -o json`,
		RunE: func(cmd *cobra.Command, files []string) error {
			if output != "table" && output != "json" {
				return usageError("output %q: table or json", output)
			}
			var checked []checkedTool
			var errs []error
			for _, file := range files {
				t, err := tool.Load(file, toolDirs()...)
				if err != nil {
					errs = append(errs, err)
					continue
				}
				checked = append(checked, checkedTool{file, t})
			}
			if err := printTools(cmd.OutOrStdout(), checked, output); err != nil {
				return err
			}
			if err := errors.Join(errs...); err != nil {
				return exitError{slo.ExitUsage, err}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

// checkedTool is a tool file without a mistake.
type checkedTool struct {
	File string `json:"file"`
	tool.Tool
}

func printTools(w io.Writer, checked []checkedTool, output string) error {
	if output == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(append([]checkedTool{}, checked...))
	}
	for _, t := range checked {
		d := t.Deadlines
		if _, err := fmt.Fprintf(w, "%s: %s\n  detect   within %-6v %s\n  recover  within %-6v %s\n", t.File, t.Tool,
			d.Detect.Duration, quoted(t.Detect.Exec), d.Recover.Duration, quoted(t.Recover.Exec)); err != nil {
			return err
		}
	}
	return nil
}

// quoted writes a command so that its arguments can be told apart.
func quoted(argv []string) string {
	var words []string
	for _, arg := range argv {
		if arg == "" || strings.Trim(arg, plain) != "" {
			arg = fmt.Sprintf("%q", arg)
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

// plain are the characters of an argument that needs no quotes.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:=@,%"

// schemas are the parts of the tool contract that have one.
var schemas = []string{"tool", "context", "finding"}

func newToolSchema() *cobra.Command {
	return &cobra.Command{
		Use: "schema [tool|context|finding]", Short: "Print a JSON Schema (draft 2020-12) of the tool contract",
		Long: `Prints the JSON Schema of tool files, of the context file that a tool reads, or of a finding, one line of what its
detector prints.`,
		Example: `  nov30 tool schema >tool.schema.json      # then, in a tool file: # yaml-language-server: $schema=tool.schema.json
  nov30 tool schema finding`,
		Args: cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs), ValidArgs: schemas,
		RunE: func(cmd *cobra.Command, args []string) error {
			name := schemas[0]
			if len(args) > 0 {
				name = args[0]
			}
			text, err := toolsfs.FS.ReadFile(name + ".schema.json")
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
}

func newToolCulprits() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "culprits", Short: "List what a finding can blame", Args: cobra.NoArgs,
		Long:    "Lists the culprits that a finding can name; NODE stands for a node's name. Any other is recorded, but is never the right one.",
		Example: "  nov30 tool culprits -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch w := cmd.OutOrStdout(); output {
			case "json":
				return json.NewEncoder(w).Encode(tool.Culprits())
			case "table":
				_, err := fmt.Fprintln(w, strings.Join(tool.Culprits(), "\n"))
				return err
			}
			return usageError("output %q: table or json", output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}
