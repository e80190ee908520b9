package hoststate

import (
	"strings"
	"testing"
)

// noted checks what both parsers promise: nothing of the engine's interfaces is among what is compared, except in quotes.
func noted(t *testing.T, r rules) {
	t.Helper()
	for chain, all := range r.chains {
		for _, rule := range all {
			if w := strings.Fields(rule); !strings.Contains(rule, `"`) && len(w) == 2 && w[0] == "-i" && engineInterface(w[1]) {
				t.Fatalf("%q is in %s", rule, chain)
			}
		}
	}
	for rule, bridge := range r.engine {
		if !strings.Contains(rule, bridge) || !engineInterface(bridge) {
			t.Fatalf("%q has the bridge %q", rule, bridge)
		}
	}
}

func FuzzTables(f *testing.F) {
	f.Add(dockers)
	f.Add("*filter\n-A INPUT -m comment --comment \"a \\\" b\" -j DROP\n")
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := parseTables("ip", text); err == nil {
			noted(t, r)
		}
	})
}

func FuzzRuleset(f *testing.F) {
	f.Add(ruleset)
	f.Add("table {\n {\nx\n}\n}\n")
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := parseRuleset("nft", text); err == nil {
			noted(t, r)
		}
	})
}

func FuzzMounts(f *testing.F) {
	f.Add("27 1 254:0 / /a\\040b\\134 rw,relatime shared:1 - ext4 /dev/vda rw\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parseMounts(text)
		if lines := strings.Count(strings.TrimSuffix(text, "\n"), "\n") + 1; err == nil && text != "" && len(all) != lines {
			t.Fatalf("%d mounts in %d lines", len(all), lines)
		}
		for _, m := range all {
			if m.point == "" || m.what == "" {
				t.Fatalf("%+v", m)
			}
		}
	})
}

func FuzzRoutes(f *testing.F) {
	f.Add("Iface Destination\neth0 00000000 010200C0 0003 0 0 0 00000000\n")
	f.Fuzz(func(t *testing.T, text string) {
		if all, err := parseRoutes(text); err == nil && len(all) > strings.Count(text, "\n")+1 {
			t.Fatalf("%d routes", len(all))
		}
	})
}

func FuzzParent(f *testing.F) {
	f.Add("4711 (a b) c) S 1 1 1 0")
	f.Add("")
	f.Fuzz(func(t *testing.T, stat string) { parent(stat) })
}

func TestMountPointsAreUnescaped(t *testing.T) {
	all, err := parseMounts("27 1 254:0 / /a\\040b\\134\\9 rw shared:1 - ext4 /dev/vda rw\n")
	if err != nil || all[0].point != `/a b\\9` || all[0].what != "ext4 of /dev/vda (/), rw" {
		t.Errorf("%+v, %v", all, err)
	}
}
