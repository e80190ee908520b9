package hoststate

import (
	"fmt"
	"strings"
)

// engineTables are the tables of nftables that docker and podman have for themselves.
var engineTables = map[string]bool{"docker-bridges": true, "netavark": true}

// parseRuleset reads the output of `nft list ruleset`: tables, in them chains, sets, maps and objects with a name, in those
// lines. Of sets and maps the elements are left out: programs add and remove them all the time.
func parseRuleset(family, text string) (rules, error) {
	r := rules{chains: map[string][]string{}, engine: map[string]string{}}
	var open []string // the blocks that the line is in
	elements := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		w := quoted(line)
		switch {
		case len(w) == 0 || line[0] == '#':
		case elements, w[0] == "elements":
			elements = !strings.HasSuffix(line, "}")
		case line == "}" && len(open) == 0:
			return r, fmt.Errorf("%.200q closes nothing", line)
		case line == "}":
			open = open[:len(open)-1]
		case strings.HasSuffix(line, "{") && len(open) < 2:
			open = append(open, strings.TrimSpace(strings.TrimSuffix(line, "{")))
			r.begin(family, open)
		case len(open) == 2:
			r.line(family, open, line, w)
		case len(open) == 1: // of the table itself, such as its flags
			if chain, _, ok := block(family, append(open, "itself")); ok {
				r.chains[chain] = append(r.chains[chain], line)
			}
		default:
			return r, fmt.Errorf("%.200q is in no chain", line)
		}
	}
	if len(open) > 0 {
		return r, fmt.Errorf("%q is not closed", open)
	}
	return r, nil
}

// block says of an open chain, set or map how it is noted and what its name is; not ok for one of the engine's tables.
func block(family string, open []string) (chain, name string, ok bool) {
	table := strings.Fields(open[0])
	inner := strings.Fields(open[1])
	if len(table) == 0 || engineTables[table[len(table)-1]] || len(inner) == 0 {
		return "", "", false
	}
	return family + " " + open[0] + " " + open[1], inner[len(inner)-1], true
}

// begin notes that a chain exists, even without a rule.
func (r rules) begin(family string, open []string) {
	if len(open) < 2 {
		return
	}
	if chain, name, ok := block(family, open); ok && !engineChain.MatchString(name) {
		r.chains[chain] = append(r.chains[chain], "exists")
	}
}

// line notes a line of a chain, a set or a map.
func (r rules) line(family string, open []string, line string, words []string) {
	if chain, name, ok := block(family, open); ok {
		r.add(chain, name, line, words)
	}
}
