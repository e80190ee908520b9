package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/nov30/nov30/harness/slo"
)

// Timing is how long one part of an arm took. A part that there was not has no Timing: it is never 0 for that.
type Timing struct {
	Scenario string  `json:"scenario"` // empty, with Arm: the run itself, such as a cluster that was made for no arm yet
	Arm      string  `json:"arm"`
	Part     string  `json:"part"` // one of the Part… constants; a part of any other name is shown as PartOther
	Seconds  float64 `json:"seconds"`
}

// The parts that no record has. The run times them.
const (
	PartCreate  = "create"  // a new cluster, until it is ready; waiting for one of the pool
	PartRewind  = "rewind"  // a used cluster taken back to its snapshot, with the proof
	PartDeploy  = "deploy"  // the site and what the probes need
	PartJudge   = "judge"   // the cluster compared with the healthy one, the writes read back, the verdict computed
	PartCollect = "collect" // evidence, inverses, and the cluster given back, kept or deleted
	PartOther   = "other"   // what the run timed under a name that this program does not know
)

// The parts that the record tells; RecordParts cuts the time of the probes into them, one behind the other.
const (
	PartSteady = "steady" // first check to the injection (sham: to the soak): until all is green, and the time in which it stays so
	PartBite   = "bite"   // injection to the first red check of a named probe
	PartDetect = "detect" // from the bite, or the injection where nothing turned red, to the finding that counts as detection
	PartRepair = "repair" // from the detection, or the bite where there is none, to the soak: until every probe is green and stays so
	PartSoak   = "soak"   // the soak, to the end of the judged time
	PartHold   = "hold"   // to the end of the judged time where nobody is to repair: untreated, nothing wrong, or detection only
	PartVain   = "vain"   // waited for what did not come: probes that never were green, a repair that never was done, an arm broken off
)

// partOrder is the order in which the parts are shown.
var partOrder = []string{PartCreate, PartRewind, PartDeploy, PartSteady, PartBite, PartDetect, PartRepair, PartSoak, PartHold, PartVain, PartJudge, PartCollect, PartOther}

// recordParts are the parts that only a record tells.
var recordParts = []string{PartSteady, PartBite, PartDetect, PartRepair, PartSoak, PartHold, PartVain}

// ReadTimings reads timings.json of a run: every cell of the table of where the time went. It reads what older programs
// wrote, too: the stages of the creation and the deployment of an arm become its PartCreate and PartDeploy.
func ReadTimings(runDir string) ([]Timing, error) {
	return readJSON(filepath.Join(runDir, TimingsFile), parseTimings)
}

func parseTimings(text []byte) ([]Timing, error) {
	var entries []json.RawMessage
	if err := strictly(text, &entries); err != nil {
		return nil, err
	}
	if entries == nil {
		return nil, errors.New("not an array")
	}
	timings := []Timing{}
	for i, e := range entries {
		t, err := parseTiming(e)
		if err == nil && (t.Seconds < 0 || t.Seconds > timingMax) {
			err = fmt.Errorf("%g seconds", t.Seconds)
		}
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		timings = append(timings, t)
	}
	return timings, nil
}

// timingMax is the longest time in seconds that can be one: that of a duration. Sums of such stay finite.
const timingMax = float64(math.MaxInt64) / 1e9

func parseTiming(text []byte) (Timing, error) {
	var t Timing
	err := strictly(text, &t)
	if err == nil {
		return t, nil
	}
	var old stage
	if strictly(text, &old) != nil || old.Name == "" {
		return t, err
	}
	return old.timing(), nil
}

// stage is how timings.json had a part before it knew scenarios and arms. Its baseline was never set.
type stage struct {
	Name     string   `json:"name"` // SCENARIO/ARM: cluster STEP, or SCENARIO/ARM: site deploy
	Seconds  float64  `json:"seconds"`
	Baseline *float64 `json:"baseline_seconds"`
}

var oldName = regexp.MustCompile(`^([^/:]+)/([^/:]+): (cluster|site) `)

func (s stage) timing() Timing {
	m := oldName.FindStringSubmatch(s.Name)
	switch {
	case m == nil:
		return Timing{Part: PartOther, Seconds: s.Seconds}
	case m[3] == "cluster":
		return Timing{Scenario: m[1], Arm: m[2], Part: PartCreate, Seconds: s.Seconds}
	}
	return Timing{Scenario: m[1], Arm: m[2], Part: PartDeploy, Seconds: s.Seconds}
}

// timings are all cells of a run's table. What a record tells is never taken from anywhere else while there is the record.
func timings(r Results) []Timing {
	var all []Timing
	for _, t := range r.Timings {
		_, recorded := r.Records[t.Scenario][slo.Arm(t.Arm)]
		if !recorded || !slices.Contains(recordParts, t.Part) {
			all = append(all, t)
		}
	}
	for _, arms := range r.Records {
		for _, rec := range arms {
			all = append(all, RecordParts(rec)...)
		}
	}
	return all
}
