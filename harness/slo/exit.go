package slo

// The exit codes of nov30. make turns every failure into 2, so the code also stands in the file `exit` of a run.
const (
	ExitPass             = 0
	ExitFail             = 1   // a verdict is fail
	ExitInconclusive     = 2   // a verdict is inconclusive, or there is none
	ExitInfrastructure   = 3   // the experiment could not be run
	ExitRevertIncomplete = 4   // an inverse could not be completed: something stays broken
	ExitUsage            = 64  // wrong arguments
	ExitInterrupted      = 130 // Ctrl-C
)

// ExitCode is the code of the worst verdict. An incomplete revert outweighs all, because somebody must act at once. Fail
// outweighs inconclusive: a failure that was proven stays proven whatever else could not be measured. No verdict at all
// is inconclusive.
func ExitCode(verdicts []Verdict) int {
	if len(verdicts) == 0 {
		return ExitInconclusive
	}
	code := ExitPass
	for _, v := range verdicts {
		switch {
		case v.RevertIncomplete:
			return ExitRevertIncomplete
		case v.Verdict == Fail:
			code = ExitFail
		case v.Verdict != Pass && code == ExitPass:
			code = ExitInconclusive
		}
	}
	return code
}
