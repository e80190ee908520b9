package report

import (
	"fmt"
	"strconv"
	"strings"
)

// What a confusion table calls its last row and column.
const (
	nothingWrong = "nothing"
	nothingNamed = "nothing named"
)

// words writes a cell: how many arms, and whether that was right.
func (c Cell) words() string {
	switch {
	case c.Arms == 0:
		return "–"
	case c.Right == c.Arms:
		return fmt.Sprintf("%d ✓", c.Arms)
	case c.Right == 0:
		return fmt.Sprintf("%d ✗", c.Arms)
	}
	return fmt.Sprintf("%d ✓ %d ✗", c.Right, c.Arms-c.Right)
}

func (p *page) confusion(c Confusion) {
	if len(c.Rows) == 0 {
		return
	}
	p.line("## What was wrong, and what the tool named first\n")
	p.line("Arms with the tool that were judged, by what was really wrong (rows) and the first critical finding (columns); ✓ is right.\n")
	head := []string{"really wrong"}
	for _, name := range c.Named {
		head = append(head, markdown(name, nameMax))
	}
	rows := [][]string{append(head, nothingNamed, "not judged")}
	for _, r := range c.Rows {
		row := []string{or(markdown(r.Wrong, nameMax), nothingWrong)}
		for _, name := range c.Named {
			row = append(row, r.Named[name].words())
		}
		rows = append(rows, append(row, r.Nothing.words(), strconv.Itoa(r.NotJudged)))
	}
	p.table(limited(rows, VerdictsFile)...)
	p.detections(c.Scenarios)
}

func (p *page) detections(all []Detection) {
	rows := [][]string{{"scenario", "really wrong", "detected after", "wrong culprits", "false alarms in sham", "elsewhere", "warnings"}}
	for _, d := range all {
		rows = append(rows, []string{markdown(d.Scenario, nameMax), markdown(d.wrong(), nameMax), measured(d.DetectS),
			or(markdown(some(d.WrongCulprits), textShown), "–"), d.sham(), strconv.Itoa(d.OtherAlarms), strconv.Itoa(d.Warnings)})
	}
	p.table(limited(rows, VerdictsFile)...)
}

// wrong writes what was really wrong.
func (d Detection) wrong() string {
	if d.Wrong == nil {
		return "not known"
	}
	return or(*d.Wrong, nothingWrong)
}

// sham writes the false alarms of the sham arm.
func (d Detection) sham() string {
	if d.ShamAlarms == nil {
		return "not run"
	}
	return strconv.Itoa(*d.ShamAlarms)
}

// namesMax is how many names of a list are shown in a cell.
const namesMax = 5

// some names the first few of a list.
func some(names []string) string {
	if more := len(names) - namesMax; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:namesMax], ", "), more)
	}
	return strings.Join(names, ", ")
}
