package report

import (
	"encoding/xml"
	"fmt"
	"strings"
	"time"

	"github.com/nov30/nov30/harness/slo"
)

type junitSuites struct {
	XMLName xml.Name `xml:"testsuites"`
	Name    string   `xml:"name,attr"`
	junitCounts
	Suites []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name string `xml:"name,attr"`
	junitCounts
	Cases []junitCase `xml:"testcase"`
}

type junitCounts struct {
	Tests    int    `xml:"tests,attr"`
	Failures int    `xml:"failures,attr"`
	Errors   int    `xml:"errors,attr"`
	Time     string `xml:"time,attr"` // seconds
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitProblem `xml:"failure"`
	Error   *junitProblem `xml:"error"`
}

type junitProblem struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit is the run as JUnit XML: one test case per scenario, a failure for fail, an error for everything else that is not
// a pass.
func JUnit(r Results) ([]byte, error) {
	suite := junitSuite{Name: plain(r.Run, nameMax)}
	total := time.Duration(0)
	for _, v := range r.Verdicts {
		took := lasted(r.Records[v.Name])
		total += took
		c := junitCase{Name: plain(v.Name, nameMax), Class: "nov30", Time: inSeconds(took)}
		problem := &junitProblem{Type: plain(string(v.Verdict), nameMax), Message: headline(v), Text: strings.Join(reasons(v), "\n")}
		switch v.Verdict {
		case slo.Pass:
		case slo.Fail:
			c.Failure, suite.Failures = problem, suite.Failures+1
		default:
			c.Error, suite.Errors = problem, suite.Errors+1
		}
		suite.Cases = append(suite.Cases, c)
	}
	suite.Tests, suite.Time = len(suite.Cases), inSeconds(total)
	text, err := xml.MarshalIndent(junitSuites{Name: "nov30", junitCounts: suite.junitCounts, Suites: []junitSuite{suite}}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", JUnitFile, err)
	}
	return append([]byte(xml.Header), append(text, '\n')...), nil
}

func inSeconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// headline is a verdict's first reason.
func headline(v slo.Verdict) string {
	if len(v.Reasons) == 0 {
		return "no reason was given"
	}
	return plain(v.Reasons[0], textShown)
}

// reasons are a verdict's reasons, each one bounded line, and not too many.
func reasons(v slo.Verdict) []string {
	var lines []string
	for i, r := range v.Reasons {
		if i == reasonsMax {
			return append(lines, fmt.Sprintf("… and %d more, see %s", len(v.Reasons)-i, VerdictsFile))
		}
		lines = append(lines, plain(r, textShown))
	}
	return lines
}

// lasted is how long the arms of a scenario took together.
func lasted(arms map[slo.Arm]slo.Record) time.Duration {
	total := time.Duration(0)
	for _, r := range arms {
		if p := phases(r); len(p) > 0 {
			total += p[len(p)-1].to
		}
	}
	return total
}
