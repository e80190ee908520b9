package hoststate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// firewall notes every chain of the firewall with its rules in order, without the engine's.
func (m Machine) firewall(ctx context.Context, s *State) error {
	measured := 0
	for _, tool := range []struct {
		family string
		argv   []string
		needs  string // a file without which there is nothing to list
		parse  func(family, text string) (rules, error)
	}{
		{"ip", []string{"iptables-save"}, "", parseTables},
		{"ip6", []string{"ip6tables-save"}, "", parseTables},
		// Asking for the old tables would load their modules; the file lists those that are loaded.
		{"ip, old tables", []string{"iptables-legacy-save"}, "/proc/net/ip_tables_names", parseTables},
		{"ip6, old tables", []string{"ip6tables-legacy-save"}, "/proc/net/ip6_tables_names", parseTables},
		{"nft", []string{"nft", "--stateless", "list", "ruleset"}, "", parseRuleset},
	} {
		if tool.needs != "" {
			if text, err := os.ReadFile(filepath.Join(m.Root, tool.needs)); err != nil || len(text) == 0 {
				continue
			}
		}
		out, err := m.Run(ctx, tool.argv...)
		switch {
		case errors.Is(err, exec.ErrNotFound):
			s.facts["firewall by "+tool.argv[0]] = "there is no such program"
			continue
		case err != nil && os.Getuid() != 0: // who may not read the rules may not change them
			s.Unmeasured = append(s.Unmeasured, "firewall by "+tool.argv[0])
			measured++
			continue
		case err != nil:
			return err
		}
		found, err := tool.parse(tool.family, string(out))
		if err != nil {
			return fmt.Errorf("%s: %w", tool.argv[0], err)
		}
		found.note(s)
		measured++
	}
	if measured == 0 {
		return errors.New("no program shows the firewall's rules: install iptables or nftables")
	}
	return nil
}

// rules are a firewall's, the engine's apart.
type rules struct {
	chains map[string][]string // what is in a chain, in order
	engine map[string]string   // rules that name one of the engine's bridges, and that bridge
}

func (r rules) note(s *State) {
	for chain, all := range r.chains {
		s.facts["firewall "+chain] = strings.Join(all, "; ")
	}
	for rule, bridge := range r.engine {
		s.engine["firewall rule "+rule] = bridge
	}
}

// engineChain are the chains that docker, podman and nov30's own engine make. DOCKER-USER is not among them: docker makes
// it, but the rules in it are the user's.
var engineChain = regexp.MustCompile(`^(DOCKER|DOCKER-ISOLATION-STAGE-[12]|DOCKER-(FORWARD|CT|BRIDGE|INTERNAL|INGRESS)|NETAVARK.*|netavark.*|CNI-.*|NOV30-[0-9A-F]{6})$`)

// add puts a rule where it belongs. words are the rule's, with texts in quotes as one. The engine's are those in its
// chains, those that go there, those that name its interfaces, and docker's for a container that calls its own published
// port: what comes from an address and goes to the same is masqueraded.
func (r rules) add(chain, name, rule string, words []string) {
	bridge, is := "", engineChain.MatchString(name)
	var from, to string
	for i, w := range words[:max(0, len(words)-1)] {
		next := strings.Trim(words[i+1], `"`)
		switch w {
		case "-i", "-o", "--in-interface", "--out-interface", "iifname", "oifname":
			if engineInterface(next) {
				bridge, is = next, true
			}
		case "-j", "-g", "jump", "goto":
			is = is || engineChain.MatchString(next)
		case "-s", "saddr":
			from = next
		case "-d", "daddr":
			to = next
		}
	}
	masqueraded := strings.EqualFold(strings.Trim(words[len(words)-1], `"`), "masquerade")
	switch {
	case bridge != "":
		r.engine[chain+" "+rule] = bridge
	case is, masqueraded && from != "" && from == to:
	default:
		r.chains[chain] = append(r.chains[chain], rule)
	}
}

// parseTables reads the output of iptables-save(8).
func parseTables(family, text string) (rules, error) {
	r := rules{chains: map[string][]string{}, engine: map[string]string{}}
	table := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch w := quoted(line); {
		case strings.HasPrefix(line, "# Table"): // it says that it cannot show one
			r.chains[family+" "+line] = nil
		case line == "" || line[0] == '#':
		case line[0] == '*':
			table = line[1:]
		case line == "COMMIT":
			table = ""
		case table == "":
			return r, fmt.Errorf("%.200q is in no table", line)
		case line[0] == ':' && len(w) >= 2:
			if name := w[0][1:]; !engineChain.MatchString(name) {
				chain := family + " " + table + " " + name
				r.chains[chain] = append([]string{"policy " + w[1]}, r.chains[chain]...) // without the counters
			}
		case w[0] == "-A" && len(w) >= 3:
			r.add(family+" "+table+" "+w[1], w[1], strings.Join(w[2:], " "), w)
		default:
			return r, fmt.Errorf("%.200q is neither a chain nor a rule", line)
		}
	}
	return r, nil
}

// quoted splits a line into words; a text in double quotes, as a comment has them, is one word. Counters at the beginning
// of a rule, as some versions print them, are left out.
func quoted(line string) []string {
	var words []string
	var word strings.Builder
	inside, escaped := false, false
	end := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	for _, c := range line {
		switch {
		case escaped:
			escaped = false
		case c == '\\' && inside:
			escaped = true
		case c == '"':
			inside = !inside
		case (c == ' ' || c == '\t') && !inside:
			end()
			continue
		}
		word.WriteRune(c)
	}
	end()
	if len(words) > 1 && strings.HasPrefix(words[0], "[") {
		words = words[1:]
	}
	return words
}
