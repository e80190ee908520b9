package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/nov30/nov30/harness/slo"
)

// meaningMax is how many characters meaning may have.
const meaningMax = 500

// meaning says in one line what the numbers of a verdict mean.
func meaning(v slo.Verdict, s slo.Spec) string {
	name := plain(v.Culprit, nameMax)
	since := "after the injection"
	if s.Expect.Kind == slo.Outage || s.Expect.Kind == slo.ExpectHeals {
		since = "after the first probe turned red"
	}
	switch {
	case v.Verdict == slo.Fail:
		return "The fault did what it must; the tool did not."
	case v.Verdict != slo.Pass:
		return "Nothing is said about the tool: the experiment did not show what it must show before a tool can be judged."
	case v.DetectS != nil && s.DetectOnly:
		return fmt.Sprintf("The tool first named %s; %s %s it had named the culprit. It was not asked to repair anything.", name, measured(v.DetectS), since)
	case v.DetectS == nil || v.RecoverS == nil:
		return "There was nothing to find, and the tool kept still."
	case s.Expect.Kind == slo.Outage || s.Expect.Kind == slo.ExpectHeals:
		return fmt.Sprintf("The tool first named %s; %s %s it had named the culprit, after %s every "+
			"probe was green again, and they stayed green through the soak.", name, measured(v.DetectS), since, measured(v.RecoverS))
	}
	return fmt.Sprintf("The tool first named %s; %s %s it had named the culprit, and it repaired it before any probe "+
		"turned red.", name, measured(v.DetectS), since)
}

func state(s slo.State) string {
	switch s {
	case slo.Pass, slo.Fail, slo.Inconclusive:
		return "**" + string(s) + "**"
	}
	return "**unknown**"
}

func exitMeans(code int) string {
	if text, ok := map[int]string{
		slo.ExitPass: "pass", slo.ExitFail: "a verdict is fail", slo.ExitInconclusive: "inconclusive",
		slo.ExitInfrastructure: "the experiment could not be run", slo.ExitRevertIncomplete: "a revert is incomplete",
		slo.ExitUsage: "usage", slo.ExitInterrupted: "interrupted",
	}[code]; ok {
		return text
	}
	return "unknown"
}

// tool is the tool that the records name.
func tool(records Records) string {
	for _, name := range slices.Sorted(maps.Keys(records)) {
		for _, a := range []slo.Arm{slo.Treated, slo.Sham} {
			if t := records[name][a].Tool; t != "" {
				return t
			}
		}
	}
	return ""
}

func measured(s *float64) string {
	if s == nil {
		return "not measured"
	}
	return number(*s) + " s"
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func yes(ok bool) string {
	if ok {
		return "yes"
	}
	return "**no**"
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
